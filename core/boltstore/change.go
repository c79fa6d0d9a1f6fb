package boltstore

import (
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// change is one transaction. Its state and sums replace the writer's once it is
// committed.
type change struct {
	state
	sums

	store   *Store
	writer  *writer
	now     time.Time
	trims   budget
	sweeps  budget
	dirty   bool                // the transaction wrote something that state and touched do not show
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
	c.tx, c.state, c.sums = tx, c.writer.state, c.writer.sums
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
	if c.state == c.writer.state && len(c.order) == 0 && !c.dirty {
		return errNothing
	}
	return c.main.Put([]byte(keyState), c.encode())
}

// notice records that a channel was trimmed, if it was.
func (c *change) notice(name string, ch *channel) {
	if ch.gone != ch.reported {
		c.notices = append(c.notices, notice{name, ch.gone})
		ch.reported = ch.gone
	}
}

// adopt makes the committed state the writer's.
func (c *change) adopt() {
	w := c.writer
	setBack := w.clock.setbacks != c.clock.setbacks
	w.state, w.sums = c.state, c.sums
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

// current returns the state of a channel, or nil if there is none.
func (c *change) current(name string) *channel {
	if ch, ok := c.touched[name]; ok {
		return ch
	}
	return c.writer.known[name]
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
	if _, repeat := c.touched[name]; !repeat {
		c.order = append(c.order, name)
	}
	c.touched[name] = ch
}

// create returns a new channel.
func (c *change) create(name string) (*channel, error) {
	tomb := c.tombBucket.Get([]byte(name))
	gone, err := c.forgotten(name, tomb)
	if err != nil {
		return nil, err
	}
	if tomb != nil {
		if err := c.tombBucket.Delete([]byte(name)); err != nil {
			return nil, err
		}
		c.tombs--
	}
	c.state.channels++
	ch := &channel{number: c.state.channels, gone: gone, reported: gone}
	c.bytes += channelCost(name)
	c.touch(name, ch)
	return ch, nil
}
