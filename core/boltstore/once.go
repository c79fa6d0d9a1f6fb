package boltstore

import (
	"bytes"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// expireAtOnce is the number of expired once keys that are dropped for each
// added one: more than one, so that their number falls.
const expireAtOnce = 8

// onceKey returns the key in the once bucket for the records of one call, or nil
// if they have none.
func onceKey(records []history.Record) []byte {
	if len(records) != 1 || records[0].Once == "" {
		return nil
	}
	return append(oncePrefix(records[0].Channel), records[0].Once...)
}

// weight is what a once key counts for the maximum number of them.
func (v onceValue) weight(k []byte) uint64 {
	return uint64(history.OnceWeight(len(k) + len(v.id))) //nolint:gosec // It is positive.
}

// inWindow reports whether a once key is to be remembered.
func (s *Store) inWindow(c *clock, v onceValue, now time.Time) bool {
	return c.age(v.seq, v.at, now) < s.cfg.Retention.OnceWindow
}

// repeat returns the entry for a record whose once key was used before.
func (s *Store) repeat(r *history.Record, first onceValue) *history.Entry {
	same := *r
	same.ID = first.id
	return same.At(s.epochs.At(first.seq), moment(first.at))
}

// storedOnce returns the event that was published first with a once key, and
// reports whether there is one, within the window or not.
func storedOnce(b *bolt.Bucket, k []byte) (first onceValue, ok bool, err error) {
	value := b.Get(k)
	if value == nil {
		return first, false, nil
	}
	if first, err = decodeOnce(value); err != nil {
		return first, false, damage("once key: %v", err)
	}
	return first, true, nil
}

// first returns the event that was published first with a once key, and reports
// whether there is one within the window.
func (c *change) first(k []byte) (first onceValue, ok bool, err error) {
	first, ok, err = storedOnce(c.onceKeys, k)
	return first, ok && c.store.inWindow(&c.clock, first, c.now), err
}

// remember stores a once key, and drops others as the bounds require.
func (c *change) remember(k []byte, v onceValue) error {
	before, used, err := storedOnce(c.onceKeys, k)
	if err == nil && used {
		err = c.dropOnce(k, before)
	}
	if err == nil {
		err = c.boundOnce(v.weight(k))
	}
	if err == nil {
		err = c.onceKeys.Put(k, v.encode())
	}
	if err != nil {
		return err
	}
	c.once += v.weight(k)
	return c.onceOrder.Put(key(v.seq), k)
}

// boundOnce drops the oldest once keys: until there is room for one of that
// weight, and some of those that are beyond the window.
func (c *change) boundOnce(weight uint64) error {
	maximum := uint64(c.store.cfg.Retention.OnceKeys) //nolint:gosec // It is positive.
	for n := 0; ; n++ {
		order, oldest := c.onceOrder.Cursor().First()
		if order == nil {
			return nil
		}
		old, err := decodeOnce(c.onceKeys.Get(oldest))
		if err != nil {
			return damage("once key: %v", err)
		}
		tooMany := c.once+weight > maximum
		if !tooMany && (n >= expireAtOnce || c.store.inWindow(&c.clock, old, c.now)) {
			return nil
		}
		if err := c.dropOnce(oldest, old); err != nil {
			return err
		}
	}
}

// dropOnce drops a once key.
func (c *change) dropOnce(k []byte, v onceValue) error {
	c.once -= min(c.once, v.weight(k))
	if err := c.onceOrder.Delete(key(v.seq)); err != nil {
		return err
	}
	return c.onceKeys.Delete(k)
}

// forgetOnce drops the once keys of a channel.
func (c *change) forgetOnce(name string) error {
	prefix := oncePrefix(name)
	var keys [][]byte
	var values []onceValue
	cursor := c.onceKeys.Cursor()
	for k, value := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, value = cursor.Next() {
		v, err := decodeOnce(value)
		if err != nil {
			return damage("once key: %v", err)
		}
		keys, values = append(keys, k), append(values, v)
	}
	for i, k := range keys {
		if err := c.dropOnce(k, values[i]); err != nil {
			return err
		}
	}
	return nil
}
