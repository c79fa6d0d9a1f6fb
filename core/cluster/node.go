package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// Node is one of the machines that share a store. It is safe for concurrent use.
type Node struct {
	cfg   Config
	id    string
	hub   *core.Hub
	store history.Store
	inbox inbox
	full  chan struct{} // capacity 1: the next report has all counts
	asked chan message  // questions of others

	mu        sync.Mutex
	peers     map[string]*peer // the other nodes, by ID
	revoked   map[string]revocation
	lost      uint64                   // the store may have lost revocations up to this sequence number
	unsure    bool                     // it has to be looked whether it has all of them
	questions map[uint64]chan<- answer // own ones, that wait
	question  uint64

	life context.Context //nolint:containedctx // It ends with Close.
	end  context.CancelFunc
	busy sync.WaitGroup
}

// Join makes a hub one of the nodes that share its store. ctx bounds the call
// only, in which the node learns what identities are revoked: streams should not
// be served before it has returned. Call Close before that of the hub.
func Join(ctx context.Context, hub *core.Hub, store history.Store, cfg Config) (*Node, error) {
	n := &Node{
		cfg: cfg.withDefaults(), id: rand.Text(), hub: hub, store: store,
		inbox: inbox{news: make(chan struct{}, 1)}, full: make(chan struct{}, 1), asked: make(chan message, maxAsked),
		peers: make(map[string]*peer), revoked: make(map[string]revocation), questions: make(map[uint64]chan<- answer),
	}
	n.life, n.end = context.WithCancel(context.WithoutCancel(ctx))
	if _, err := store.Attach(&n.inbox); err != nil {
		return nil, fmt.Errorf("tidings: cluster: %w", err)
	}
	if err := n.learn(ctx); err != nil {
		n.inbox.close()
		return nil, err
	}
	if err := n.say(ctx, message{Kind: kindHello}); err != nil {
		n.inbox.close()
		return nil, err
	}
	n.busy.Go(n.listen)
	n.busy.Go(n.tell)
	return n, nil
}

// ID returns the ID of the node, which is new with every Join.
func (n *Node) ID() string { return n.id }

// Close tells the other nodes that this one is gone. The hub goes on, on its own.
// The error is that of telling them: without it, they notice by themselves. It is
// idempotent.
func (n *Node) Close() error {
	if n.life.Err() != nil {
		return nil
	}
	n.end()
	n.busy.Wait()
	n.inbox.close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.life), n.cfg.Interval)
	defer cancel()
	return n.say(ctx, message{Kind: kindBye})
}
