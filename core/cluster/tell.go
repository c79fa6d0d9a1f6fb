package cluster

import (
	"errors"
	"log/slog"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// reportBytes is about the size of the names in a report. More of them are told
// in several reports.
const reportBytes = 32 << 10

// remindEvery is how many intervals there are between two looks at the
// revocations in the store.
const remindEvery = 30

// tell tells the other nodes what has changed, every Interval, and answers their
// questions, until life ends.
func (n *Node) tell() {
	ticker := time.NewTicker(n.cfg.Interval)
	defer ticker.Stop()
	var told map[string]int // what the others know; nil: nothing
	for round := 1; ; round++ {
		now := n.counts()
		err := n.report(now, told)
		if told = now; err != nil {
			told = nil
		}
		n.forgetSilent()
		if round%remindEvery == 0 || n.isUnsure() {
			err = errors.Join(err, n.remind())
		}
		if err != nil && n.life.Err() == nil && !errors.Is(err, history.ErrUnavailable) {
			n.cfg.Logger.LogAttrs(n.life, slog.LevelWarn, "cannot tell the other machines", slog.Any("error", err))
		}
		for ticked := false; !ticked; {
			select {
			case <-n.life.Done():
				return
			case m := <-n.asked:
				n.answer(m)
			case <-n.full:
				told = nil
			case <-ticker.C:
				ticked = true
			}
		}
	}
}

// counts returns how many streams each channel has on this node, without private
// channels.
func (n *Node) counts() map[string]int {
	counts := make(map[string]int)
	for _, c := range n.hub.Channels() {
		if c.Streams > 0 && !history.IsPrivate(c.Name) {
			counts[c.Name] = c.Streams
		}
	}
	return counts
}

// report tells the others the counts that differ from what they were told, or
// all of them if told is nil. If there are none, it is a sign of life.
func (n *Node) report(now, told map[string]int) error {
	m := message{Kind: kindReport, Full: told == nil, Counts: make(map[string]int), Total: n.hub.Stats().Streams}
	size := 0
	send := func() error {
		err := n.say(n.life, m)
		m.Full, m.Counts, size = false, make(map[string]int), 0
		return err
	}
	add := func(name string, count int) error {
		m.Counts[name] = count
		if size += len(name) + 8; size < reportBytes {
			return nil
		}
		return send()
	}
	for name, count := range now {
		if told[name] != count {
			if err := add(name, count); err != nil {
				return err
			}
		}
	}
	for name := range told {
		if _, ok := now[name]; !ok {
			if err := add(name, 0); err != nil {
				return err
			}
		}
	}
	return send()
}
