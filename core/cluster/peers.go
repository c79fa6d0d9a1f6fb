package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// peer is another node.
type peer struct {
	name   string
	total  int
	counts map[string]int
	seen   time.Time // when it was heard of
}

// Peer describes a node at one moment.
type Peer struct {
	// ID and Name are those of the node.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Streams is the number of its open streams.
	Streams int `json:"streams"`
	// Self is set for the node that was asked.
	Self bool `json:"self"`
}

// Peers returns the nodes that run, this one included, sorted by name. It does
// not block.
func (n *Node) Peers() []Peer {
	all := []Peer{{ID: n.id, Name: n.cfg.Name, Streams: n.hub.Stats().Streams, Self: true}}
	n.mu.Lock()
	for id, p := range n.peers {
		all = append(all, Peer{ID: id, Name: p.name, Streams: p.total})
	}
	n.mu.Unlock()
	slices.SortFunc(all, func(a, b Peer) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return all
}

// Count returns the number of open streams that are subscribed to a channel, on
// all nodes. A private channel is counted on its own node only. It does not
// block.
func (n *Node) Count(channel string) int {
	count := n.hub.Count(channel)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.peers {
		count += p.counts[channel]
	}
	return count
}

// meet notes what a message of another node says of that node.
func (n *Node) meet(m message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if m.Kind == kindBye {
		delete(n.peers, m.Node)
		return
	}
	p := n.peers[m.Node]
	if p == nil {
		p = &peer{counts: make(map[string]int)}
		n.peers[m.Node] = p
	}
	p.name, p.seen = m.Name, time.Now()
	if m.Kind != kindReport {
		return
	}
	p.total = m.Total
	if m.Full {
		p.counts = make(map[string]int)
	}
	for name, count := range m.Counts {
		if count > 0 {
			p.counts[name] = count
		} else {
			delete(p.counts, name)
		}
	}
}

// forgetSilent forgets nodes that have not been heard of for a Timeout. While the
// store is away, no message of any node comes.
func (n *Node) forgetSilent() {
	prober, ok := n.store.(history.Prober)
	away := ok && prober.Health() != nil
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	for id, p := range n.peers {
		switch {
		case away:
			p.seen = now
		case now.Sub(p.seen) > n.cfg.Timeout:
			delete(n.peers, id)
		}
	}
}
