package boltstore

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// state is the stored state of the file as a whole.
type state struct {
	head     uint64 // the newest entry
	forgot   uint64 // the newest entry of the channels whose tombs were dropped
	channels uint64 // the number of the newest channel
	once     uint64 // number of once keys
	loose    uint64 // 1 while the file is open with SyncInterval, which may lose delivered events
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

// forgotten returns the newest entry that an unknown channel can have had. A
// private channel never comes back.
func (s state) forgotten(name string) uint64 {
	if history.IsPrivate(name) {
		return 0
	}
	return s.forgot
}

// epochs holds the file's epochs, oldest first.
type epochs []epoch

// epoch is one epoch, and the newest entry of the one before: later entries
// belong to this epoch, up to the base of the next.
type epoch struct{ epoch, base uint64 }

// maxEpochs is the number of epochs that the file keeps. Positions of older
// ones are unknown.
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

// begin adds a new epoch that begins after the entry base.
func (e epochs) begin(base uint64) epochs {
	e = append(slices.Clone(e), epoch{history.NewEpoch(), base})
	return e[max(0, len(e)-maxEpochs):]
}

// at returns the position under which an entry was published.
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

// knows reports whether a position is within a known epoch. It does not check
// the end of the newest epoch.
func (e epochs) knows(p history.Position) bool {
	for i, one := range e {
		if one.epoch == p.Epoch {
			return i == len(e)-1 || p.Seq <= e[i+1].base
		}
	}
	return false
}

// channel is the state of a channel.
type channel struct {
	number uint64
	count  uint64 // of entries
	bytes  uint64 // of the entries, approximately
	gone   uint64 // the newest entry that was removed, or 0

	oldest, newest     uint64 // of the entries; valid if there are any
	oldestAt, newestAt time.Time

	told uint64 // the value of gone that the sinks know; not in the file
}

// channelCost is the approximate size of a channel in the file beside its
// entries, in bytes.
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
