package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// kind is what a message is about.
type kind string

// Kinds of messages. A node ignores those that it does not know: they are of a
// later version.
const (
	kindHello  kind = "hello"  // all others report everything
	kindReport kind = "report" // Counts have changed
	kindBye    kind = "bye"    // the sender is gone
	kindClose  kind = "close"  // Stream, or the streams of Identity or Channel, are closed
	kindRevoke kind = "revoke" // Identity is revoked until Until
	kindAsk    kind = "ask"    // what streams Identity, or Channel, has
	kindAnswer kind = "answer" // Streams, to the question of the node To
)

// message is what a node says to the others.
type message struct {
	Kind kind   `json:"kind"`
	Node string `json:"node"` // the sender
	Name string `json:"name,omitempty"`

	Full   bool           `json:"full,omitempty"` // Counts are all there are, with those that follow
	Counts map[string]int `json:"counts,omitempty"`
	Total  int            `json:"total,omitempty"` // all streams of the node

	Stream   string     `json:"stream,omitempty"`
	Identity string     `json:"identity,omitempty"`
	Channel  string     `json:"channel,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Until    *time.Time `json:"until,omitempty"`

	To       string            `json:"to,omitempty"`
	Question uint64            `json:"question,omitempty"`
	Streams  []core.StreamInfo `json:"streams,omitempty"`
	More     bool              `json:"more,omitempty"`
}

// record returns the message as an event on a control channel.
func (m message) record(channel string) (history.Record, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return history.Record{}, fmt.Errorf("tidings: cluster: %w", err)
	}
	return history.Record{Channel: channel, Body: append(append([]byte("data: "), text...), '\n')}, nil
}

// parse returns the message of an entry.
func parse(e *history.Entry) (m message, ok bool) {
	text, ok := bytes.CutPrefix(e.Record().Body, []byte("data: "))
	return m, ok && json.Unmarshal(text, &m) == nil
}

// say sends a message to all nodes.
func (n *Node) say(ctx context.Context, m message) error {
	r, err := n.from(m).record(history.ControlNodes)
	if err != nil {
		return err
	}
	return n.append(ctx, r)
}

// from returns the message with its sender.
func (n *Node) from(m message) message {
	m.Node, m.Name = n.id, n.cfg.Name
	return m
}

func (n *Node) append(ctx context.Context, r history.Record) error {
	if _, err := n.store.Append(ctx, []history.Record{r}); err != nil {
		return fmt.Errorf("tidings: cluster: %w", err)
	}
	return nil
}
