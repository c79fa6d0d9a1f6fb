package cluster

import (
	"errors"
	"log/slog"

	"github.com/tidings-go/tidings/core/history"
)

// listen does what the other nodes, and this one, have said, until life ends.
func (n *Node) listen() {
	for {
		select {
		case <-n.life.Done():
			return
		case <-n.inbox.news:
		}
		entries, missed, lost := n.inbox.take()
		for _, e := range entries {
			m, ok := parse(e)
			switch {
			case !ok:
			case e.Channel == history.ControlRevoked:
				n.heed(m, e.Seq())
			default:
				n.hear(m)
			}
		}
		if missed {
			n.catchUp(lost)
		}
	}
}

// hear does what a message says.
func (n *Node) hear(m message) {
	own := m.Node == n.id
	switch {
	case m.Kind == kindClose:
		n.closeHere(m)
	case m.Kind == kindAnswer:
		n.answered(m)
	case m.Kind == kindHello && !own:
		n.tellAll()
	case m.Kind == kindAsk && !own:
		select {
		case n.asked <- m:
		default: // the asking node learns that an answer is missing
		}
	}
	if !own {
		n.meet(m)
	}
}

// catchUp makes good for messages that are lost.
func (n *Node) catchUp(lost uint64) {
	n.mu.Lock()
	n.lost, n.unsure = lost, true
	n.mu.Unlock()
	err := errors.Join(n.learn(n.life), n.say(n.life, message{Kind: kindHello}))
	if err != nil && n.life.Err() == nil {
		n.cfg.Logger.LogAttrs(n.life, slog.LevelWarn, "messages of other machines are lost", slog.Any("error", err))
		n.inbox.miss() // again, with the next message
	}
	n.tellAll()
}

// tellAll makes the next report one of all counts.
func (n *Node) tellAll() {
	select {
	case n.full <- struct{}{}:
	default:
	}
}
