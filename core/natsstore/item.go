package natsstore

import (
	"strings"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// item is an event that is kept: what is known of it, and the event itself as long
// as it is in the cache.
type item struct {
	position history.Position
	seq      uint64         // in the stream
	stamp    time.Time      // when it was appended
	at       time.Time      // the same, but not in the future
	entry    *history.Entry // nil: not in the cache
	id, key  string
	to       history.Audience
	once     string
	size     int32
	body     int32
	trace    int32
	follows  int16
}

// newItem returns the item of a record.
func newItem(r history.Record, p history.Position, seq uint64, stamp, now time.Time) *item {
	e := r.At(p, stamp)
	at := stamp
	if at.After(now) {
		at = now
	}
	return &item{
		position: p, seq: seq, stamp: stamp, at: at, entry: e,
		id: r.ID, key: r.Key, to: r.To, once: r.Once,
		size: int32(e.Size()), body: int32(len(r.Body)), trace: int32(len(r.Trace)), follows: int16(r.Following), //nolint:gosec // They are bounded by the message.
	}
}

// Seq implements ring.Item.
func (i *item) Seq() uint64 { return i.position.Seq }

// Until implements ring.Item.
func (i *item) Until() uint64 { return i.position.Seq + uint64(i.follows) } //nolint:gosec // It is not negative.

// Size implements ring.Item.
func (i *item) Size() int { return int(i.size) }

func (i *item) subject() history.Subject { return history.Subject{To: i.to, Key: i.key} }

// standIn returns an entry of the item's size, which is to be replaced.
func (i *item) standIn(channel string) *history.Entry {
	return history.Record{
		Channel: channel, ID: i.id, Key: i.key, To: i.to, Following: int(i.follows),
		Body: make([]byte, i.body, int(i.body)+history.TrailerRoom), Trace: strings.Repeat(" ", int(i.trace)),
	}.At(i.position, i.stamp)
}
