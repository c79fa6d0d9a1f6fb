package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

const (
	maxAsked       = 64        // questions that wait for an answer of this node
	maxStreams     = 1000      // in an answer
	maxAnswerBytes = 256 << 10 // about
)

// ErrIncomplete is wrapped by the error of [Node.StreamsOf] and [Node.StreamsOn]
// if nodes have not answered in time, or have more streams than they list. The
// streams that are known come with it.
var ErrIncomplete = errors.New("tidings: not all streams are known")

// Stream describes a stream of some node.
type Stream struct {
	core.StreamInfo

	// Node and NodeName are the ID and the name of the node.
	Node     string `json:"node"`
	NodeName string `json:"nodeName"`
}

// answer is what a node says to a question.
type answer struct {
	node, name string
	streams    []core.StreamInfo
	more       bool
}

// StreamsOf returns the open streams of an identity on all nodes, ordered by
// their time. It waits for the answers of all nodes, at most for the Timeout of
// the configuration. Each node lists 1,000 streams at most.
func (n *Node) StreamsOf(ctx context.Context, identity string) ([]Stream, error) {
	return n.ask(ctx, message{Kind: kindAsk, Identity: identity})
}

// StreamsOn does the same for a channel.
func (n *Node) StreamsOn(ctx context.Context, channel string) ([]Stream, error) {
	return n.ask(ctx, message{Kind: kindAsk, Channel: channel})
}

// ask collects answers.
func (n *Node) ask(ctx context.Context, m message) ([]Stream, error) {
	waiting := make(map[string]string) // names by ID
	answers := make(chan answer, maxAsked)
	n.mu.Lock()
	n.question++
	m.Question = n.question
	n.questions[m.Question] = answers
	for id, p := range n.peers {
		waiting[id] = p.name
	}
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.questions, m.Question)
	}()
	own, more := n.streams(m)
	all := streams(nil, answer{n.id, n.cfg.Name, own, more})
	if len(waiting) > 0 {
		if err := n.say(ctx, m); err != nil {
			return nil, err
		}
	}
	timeout := time.NewTimer(n.cfg.Timeout)
	defer timeout.Stop()
	for late := false; len(waiting) > 0 && !late; {
		select {
		case a := <-answers:
			all = streams(all, a)
			more = more || a.more
			delete(waiting, a.node)
		case <-timeout.C:
			late = true
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-n.life.Done():
			return nil, history.ErrClosed
		}
	}
	slices.SortStableFunc(all, func(a, b Stream) int { return a.Since.Compare(b.Since) })
	switch {
	case len(waiting) > 0:
		return all, fmt.Errorf("%w: %d of the nodes have not answered", ErrIncomplete, len(waiting))
	case more:
		return all, fmt.Errorf("%w: a node has more than it lists", ErrIncomplete)
	}
	return all, nil
}

// streams adds the streams of an answer.
func streams(all []Stream, a answer) []Stream {
	for _, info := range a.streams {
		all = append(all, Stream{info, a.node, a.name})
	}
	return all
}

// answer answers a question of another node.
func (n *Node) answer(m message) {
	found, more := n.streams(m)
	a := message{Kind: kindAnswer, To: m.Node, Question: m.Question, Streams: found, More: more}
	_ = n.say(n.life, a) // the asking node learns that an answer is missing
}

// answered hands an answer to the question that waits for it.
func (n *Node) answered(m message) {
	if m.To != n.id {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.questions[m.Question]; c != nil {
		select {
		case c <- answer{m.Node, m.Name, m.Streams, m.More}:
		default:
		}
	}
}

// streams returns the streams of this node that a question is about, and whether
// there are more.
func (n *Node) streams(m message) (infos []core.StreamInfo, more bool) {
	all := n.hub.Streams(m.Channel)
	if m.Identity != "" {
		all = n.hub.StreamsOf(m.Identity)
	}
	size := 0
	for i, s := range all {
		info := s.Info()
		for _, name := range slices.Concat(info.Channels, info.Groups) {
			size += len(name) + 8
		}
		size += 512
		if i >= maxStreams || size > maxAnswerBytes {
			return infos, true
		}
		infos = append(infos, info)
	}
	return infos, false
}
