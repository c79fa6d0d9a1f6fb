package boltstore

import (
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// change is one transaction. Its state replaces the writer's once it is
// committed.
type change struct {
	state

	store  *Store
	writer *writer
	now    time.Time
	trims  budget
	sweeps budget
	more   bool

	tombs   int
	bytes   uint64
	unswept uint64
	swept   bool
	removed bool                // the transaction swept something
	epoch   bool                // a new epoch begins
	touched map[string]*channel // by name; nil for a forgotten channel
	order   []string            // names of touched, in order

	appended []*history.Entry
	notices  []notice

	tx                                          *bolt.Tx // valid during the transaction only
	main, channels, entries, ids, keys          *bolt.Bucket
	tombBucket, onceKeys, onceOrder, sweepOrder *bolt.Bucket
}

// notice reports that a channel was trimmed up to seq.
type notice struct {
	channel string
	seq     uint64
}

// begin prepares the change for a transaction.
func (c *change) begin(tx *bolt.Tx) {
	w := c.writer
	c.tx, c.state = tx, w.state
	c.tombs, c.bytes, c.unswept, c.swept, c.more = w.tombs, w.bytes, w.unswept, w.swept, w.more
	c.trims, c.sweeps = budget{keys: trimBudget}, budget{keys: sweepBudget}
	c.touched = make(map[string]*channel)
	c.main, c.channels, c.entries = bucket(tx, bucketMain), bucket(tx, bucketChannels), bucket(tx, bucketEntries)
	c.ids, c.keys, c.tombBucket = bucket(tx, bucketIDs), bucket(tx, bucketKeys), bucket(tx, bucketTombs)
	c.onceKeys, c.onceOrder = bucket(tx, bucketOnce), bucket(tx, bucketOnceOrder)
	c.sweepOrder = bucket(tx, bucketSwept)
	// Most new entries come at the end of their channel.
	c.entries.FillPercent = 0.9
}

// save writes the state of the file and of the touched channels.
func (c *change) save() error {
	if c.clock.ahead(c.now) {
		c.clock.setBack(c.head, c.now)
		for _, ch := range c.touched {
			if ch != nil {
				c.clock.trustChannel(ch)
			}
		}
	}
	for _, name := range c.order {
		ch := c.touched[name]
		if ch == nil {
			continue
		}
		c.notice(name, ch)
		if err := c.channels.Put([]byte(name), ch.encode()); err != nil {
			return err
		}
	}
	if c.state == c.writer.state && len(c.order) == 0 && !c.removed && !c.epoch {
		return errNothing
	}
	return c.main.Put([]byte(keyState), c.encode())
}

// notice records that a channel was trimmed, if it was.
func (c *change) notice(name string, ch *channel) {
	if ch.gone != ch.told {
		c.notices = append(c.notices, notice{name, ch.gone})
		ch.told = ch.gone
	}
}

// adopt makes the committed state the writer's.
func (c *change) adopt() {
	w := c.writer
	setBack := w.clock.setbacks != c.clock.setbacks
	w.state, w.tombs, w.bytes, w.unswept, w.swept, w.more = c.state, c.tombs, c.bytes, c.unswept, c.swept, c.more
	for name, ch := range c.touched {
		if ch == nil {
			delete(w.known, name)
			continue
		}
		w.known[name] = ch
	}
	if setBack {
		for _, ch := range w.known {
			w.clock.trustChannel(ch)
		}
		c.store.ageNext(c.now)
	}
}

// channel returns a channel to be changed, or nil if there is none.
func (c *change) channel(name string) *channel {
	if ch, ok := c.touched[name]; ok {
		return ch
	}
	known := c.writer.known[name]
	if known == nil {
		return nil
	}
	ch := *known
	c.touch(name, &ch)
	return &ch
}

func (c *change) touch(name string, ch *channel) {
	if _, again := c.touched[name]; !again {
		c.order = append(c.order, name)
	}
	c.touched[name] = ch
}

// create returns a new channel.
func (c *change) create(name string) (*channel, error) {
	c.state.channels++
	ch := &channel{number: c.state.channels, gone: c.forgotten(name)}
	if tomb := c.tombBucket.Get([]byte(name)); len(tomb) == 8 {
		ch.gone = binary.BigEndian.Uint64(tomb)
		if err := c.tombBucket.Delete([]byte(name)); err != nil {
			return nil, err
		}
		c.tombs--
	}
	ch.told = ch.gone
	c.bytes += channelCost + uint64(len(name))
	c.touch(name, ch)
	return ch, nil
}

// append adds the records of one call.
func (c *change) append(records []history.Record) ([]*history.Entry, error) {
	if key := onceKeyOf(records); key != nil {
		first, err := c.first(key)
		if err != nil {
			return nil, err
		}
		if first != nil {
			return []*history.Entry{c.store.again(&records[0], first)}, nil
		}
		if err := c.remember(&records[0], c.now); err != nil {
			return nil, err
		}
	}
	entries := make([]*history.Entry, len(records))
	for i := range records {
		if err := c.put(&records[i], c.now); err != nil {
			return nil, err
		}
		entries[i] = records[i].At(c.store.epochs.newest(c.head), c.now)
	}
	c.appended = append(c.appended, entries...)
	return entries, nil
}

// put adds a record.
func (c *change) put(r *history.Record, at time.Time) error {
	ch := c.channel(r.Channel)
	if ch != nil && c.store.cfg.Retention.Of(r.Channel).Forgets(ch.extent(), at) {
		// Readers do not see the idle channel any more: the new entry must not
		// bring it back.
		if err := c.forget(r.Channel, ch); err != nil {
			return err
		}
		ch = nil
	}
	if ch == nil {
		var err error
		if ch, err = c.create(r.Channel); err != nil {
			return err
		}
	}
	c.head++
	key := pair(ch.number, c.head)
	value := encodeEntry(key, r, at)
	if err := c.entries.Put(key, value); err != nil {
		return err
	}
	if r.ID != "" {
		if err := c.ids.Put(idKey(ch.number, r.ID), number(c.head)); err != nil {
			return err
		}
	}
	if r.Key != "" {
		if err := c.keys.Put(snapshotKey(ch.number, r.To.String(), r.Key), number(c.head)); err != nil {
			return err
		}
	}
	if ch.count++; ch.count == 1 {
		ch.oldest, ch.oldestAt = c.head, at
	}
	ch.newest, ch.newestAt = c.head, at
	ch.bytes += cost(value)
	c.bytes += cost(value)
	c.clock.take(at)
	c.trims.earn(cost(value))
	c.sweeps.earn(cost(value))
	return nil
}

// cost is the approximate size of an entry in the file, in bytes.
func cost(value []byte) uint64 { return uint64(len(value) + entryCost) }

// damage returns an error that wraps ErrDamaged.
func damage(what string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(what, args...))
}
