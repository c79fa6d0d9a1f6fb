package boltstore

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// state is what is known of the file as a whole.
type state struct {
	head     uint64 // the newest entry
	forgot   uint64 // the newest entry of the channels whose tombs are gone
	channels uint64 // the number of the newest channel
	once     uint64 // how many once keys are remembered
	loose    uint64 // 1 while a store has the file open that may lose what it delivered
	clock    clock
}

func (s state) encode() []byte {
	b := make([]byte, 0, 14*8)
	for _, n := range []uint64{s.head, s.forgot, s.channels, s.once, s.loose} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return s.clock.encode(b)
}

func decodeState(b []byte) (s state, err error) {
	if len(b) < 5*8 {
		return s, errShort
	}
	for i, n := range []*uint64{&s.head, &s.forgot, &s.channels, &s.once, &s.loose} {
		*n = binary.BigEndian.Uint64(b[8*i:])
	}
	s.clock = decodeClock(b[5*8:])
	return s, nil
}

// forgotten returns the newest entry that a channel can have had of which nothing
// is known any more. One that is private never comes back.
func (s state) forgotten(name string) uint64 {
	if history.IsPrivate(name) {
		return 0
	}
	return s.forgot
}

// epochs are those of the file, oldest first.
type epochs []epoch

// epoch is one, and the newest entry of the one before it: what follows is of
// this one.
type epoch struct{ epoch, base uint64 }

// maxEpochs is how many are remembered. Positions of older ones are unknown.
const maxEpochs = 64

func (e epochs) encode() []byte {
	b := make([]byte, 0, 16*len(e))
	for _, one := range e {
		b = append(b, pair(one.epoch, one.base)...)
	}
	return b
}

func decodeEpochs(b []byte) (epochs, error) {
	if len(b) < 16 || len(b)%16 != 0 {
		return nil, errShort
	}
	e := make(epochs, len(b)/16)
	for i := range e {
		e[i] = epoch{binary.BigEndian.Uint64(b[16*i:]), binary.BigEndian.Uint64(b[16*i+8:])}
	}
	return e, nil
}

// begin adds a new epoch, after an entry.
func (e epochs) begin(base uint64) epochs {
	e = append(slices.Clone(e), epoch{history.NewEpoch(), base})
	return e[max(0, len(e)-maxEpochs):]
}

// at returns the position of an entry: that under which it was published.
func (e epochs) at(seq uint64) history.Position {
	i := len(e) - 1
	for i > 0 && e[i].base >= seq {
		i--
	}
	return history.Position{Epoch: e[i].epoch, Seq: seq}
}

// newest returns the position of the newest entry, in the newest epoch.
func (e epochs) newest(head uint64) history.Position {
	return history.Position{Epoch: e[len(e)-1].epoch, Seq: head}
}

// knows reports whether a position is of a known epoch, and within it. Where
// the newest one ends is not looked at.
func (e epochs) knows(p history.Position) bool {
	for i, one := range e {
		if one.epoch == p.Epoch {
			return i == len(e)-1 || p.Seq <= e[i+1].base
		}
	}
	return false
}

// channel is what is known of a channel.
type channel struct {
	number uint64
	count  uint64 // of entries
	bytes  uint64 // that they take
	gone   uint64 // the newest entry that is not there any more, or 0

	oldest, newest     uint64 // of the entries, if there are any
	oldestAt, newestAt time.Time

	told uint64 // what of gone the sinks were told; not in the file
}

// channelCost is about what a channel costs beside its entries.
const channelCost = 192

func (c *channel) encode() []byte {
	b := make([]byte, 0, 8*8)
	for _, n := range []uint64{c.number, c.count, c.bytes, c.gone, c.oldest, c.newest, nanos(c.oldestAt), nanos(c.newestAt)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func decodeChannel(b []byte) (c channel, err error) {
	if len(b) < 8*8 {
		return c, errShort
	}
	for i, n := range []*uint64{&c.number, &c.count, &c.bytes, &c.gone, &c.oldest, &c.newest} {
		*n = binary.BigEndian.Uint64(b[8*i:])
	}
	c.oldestAt, c.newestAt = moment(binary.BigEndian.Uint64(b[6*8:])), moment(binary.BigEndian.Uint64(b[7*8:]))
	c.told = c.gone
	return c, nil
}

// extent returns what is kept of the channel.
func (c *channel) extent() history.Extent {
	return history.Extent{
		Events: int64(c.count), Bytes: int64(c.bytes), //nolint:gosec // A file is not that large.
		Oldest: c.oldestAt, Newest: c.newestAt,
	}
}
