package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// revocation is what the newest message about an identity says.
type revocation struct {
	until time.Time // zero: for ever
	seq   uint64    // of the message
}

func (r revocation) isOver(now time.Time) bool { return !r.until.IsZero() && !now.Before(r.until) }

// Revoke is [core.Hub.Revoke] on all nodes, and on those that start later. It
// revokes the identity on this node also if it returns an error: then try again,
// for the others.
func (n *Node) Revoke(ctx context.Context, identity string, until time.Time) error {
	if err := checkIdentity(identity); err != nil {
		return err
	}
	n.hub.Revoke(identity, until)
	return n.sayRevoked(ctx, identity, until, "")
}

// Restore admits an identity again that Revoke refuses, on all nodes.
func (n *Node) Restore(ctx context.Context, identity string) error {
	if err := checkIdentity(identity); err != nil {
		return err
	}
	return n.sayRevoked(ctx, identity, time.Unix(0, 0), "")
}

func checkIdentity(identity string) error {
	if fault := history.NameFault(identity); fault != "" {
		return fmt.Errorf("%w: identity: %s", history.ErrAudience, fault)
	}
	return nil
}

// sayRevoked tells all nodes until when an identity is revoked. Of calls with the
// same once key, one does.
func (n *Node) sayRevoked(ctx context.Context, identity string, until time.Time, once string) error {
	r, err := n.from(message{Kind: kindRevoke, Identity: identity, Until: &until}).record(history.ControlRevoked)
	if err != nil {
		return err
	}
	r.Key, r.Once = identity, once
	return n.append(ctx, r)
}

// heed does what a message about an identity says, unless there is a newer one.
func (n *Node) heed(m message, seq uint64) {
	if m.Kind != kindRevoke || m.Until == nil || m.Identity == "" {
		return
	}
	r := revocation{*m.Until, seq}
	over := r.isOver(time.Now())
	n.mu.Lock()
	if n.revoked[m.Identity].seq >= seq {
		n.mu.Unlock()
		return
	}
	if n.revoked[m.Identity] = r; over {
		delete(n.revoked, m.Identity)
	}
	n.mu.Unlock()
	if over {
		n.hub.Restore(m.Identity)
	} else {
		n.hub.Revoke(m.Identity, r.until)
	}
}

// learn reads what identities are revoked.
func (n *Node) learn(ctx context.Context) error {
	q := history.Query{Channels: []string{history.ControlRevoked}, Snapshot: true, MaxEvents: 1024, MaxBytes: 1 << 20}
	for {
		page, err := n.store.Read(ctx, q)
		if gap := (*history.GapError)(nil); errors.As(err, &gap) {
			return nil // what is new has come by itself
		}
		if err != nil {
			return fmt.Errorf("tidings: cluster: %w", err)
		}
		for _, e := range page.Entries {
			if m, ok := parse(e); ok {
				n.heed(m, e.Seq())
			}
		}
		if len(page.Entries) == 0 {
			return nil
		}
		q.After = page.Through
	}
}

// isUnsure reports whether the store may have lost revocations.
func (n *Node) isUnsure() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.unsure
}

// remind says revocations again that the store does not keep any more, or may
// have lost, for nodes that start later. Of all nodes, one does. It forgets those
// that are over.
func (n *Node) remind() error {
	oldest, _, err := n.store.Bounds(n.life, []string{history.ControlRevoked})
	if err != nil { // and if unsure, it still is
		return fmt.Errorf("tidings: cluster: %w", err)
	}
	for identity, r := range n.missing(oldest.Seq) {
		sum := sha256.Sum256([]byte(identity + " " + strconv.FormatUint(r.seq, 10)))
		if err := n.sayRevoked(n.life, identity, r.until, hex.EncodeToString(sum[:])); err != nil {
			n.mu.Lock()
			n.unsure = true
			n.mu.Unlock()
			return err
		}
	}
	return nil
}

// missing returns the revocations that the store does not have, or may have lost,
// if its oldest one has this sequence number. It drops those that are over.
func (n *Node) missing(oldest uint64) map[string]revocation {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unsure = false
	maps.DeleteFunc(n.revoked, func(_ string, r revocation) bool { return r.isOver(now) })
	all := make(map[string]revocation)
	for identity, r := range n.revoked {
		if r.seq < oldest || r.seq <= n.lost {
			all[identity] = r
		}
	}
	return all
}
