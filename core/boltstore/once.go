package boltstore

import (
	"bytes"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// expireAtOnce is the number of expired once keys that are dropped for each
// added one: more than one, so that their number falls.
const expireAtOnce = 8

// onceKeyOf returns the key in the once bucket of the record's once key, or nil
// if it has none.
func onceKeyOf(records []history.Record) []byte {
	if len(records) != 1 || records[0].Once == "" {
		return nil
	}
	return append(oncePrefix(records[0].Channel), records[0].Once...)
}

// again returns the entry for a record whose once key was used before.
func (s *Store) again(r *history.Record, first *onceValue) *history.Entry {
	again := *r
	again.ID = first.id
	return again.At(s.epochs.at(first.seq), first.at)
}

// first returns the event that was published first with a once key, or nil if
// there is none within the window.
func (c *change) first(key []byte) (*onceValue, error) {
	value := c.onceKeys.Get(key)
	if value == nil {
		return nil, nil //nolint:nilnil // There is none.
	}
	v, err := decodeOnce(value)
	if err != nil {
		return nil, damage("once key: %v", err)
	}
	if c.now.Sub(c.clock.trust(v.seq, v.at)) >= c.store.cfg.Retention.OnceWindow {
		return nil, nil //nolint:nilnil // As above.
	}
	return &v, nil
}

// remember stores the once key of the record that is appended next.
func (c *change) remember(r *history.Record, at time.Time) error {
	retention := &c.store.cfg.Retention
	for range expireAtOnce {
		dropped, err := c.dropOnce(c.once >= uint64(retention.OnceKeys)) //nolint:gosec // It is positive.
		if err != nil {
			return err
		}
		if !dropped {
			break
		}
	}
	seq := c.head + 1
	key := append(oncePrefix(r.Channel), r.Once...)
	if err := c.onceKeys.Put(key, onceValue{seq, at, r.ID}.encode()); err != nil {
		return err
	}
	c.once++
	return c.onceOrder.Put(number(seq), key)
}

// dropOnce drops the oldest once key if it has expired, or in any case if
// anyway is set. It reports whether it dropped one.
func (c *change) dropOnce(anyway bool) (bool, error) {
	order, key := c.onceOrder.Cursor().First()
	if order == nil {
		return false, nil
	}
	order, key = bytes.Clone(order), bytes.Clone(key)
	if value := c.onceKeys.Get(key); value != nil {
		v, err := decodeOnce(value)
		if err != nil {
			return false, damage("once key: %v", err)
		}
		// Otherwise, the key has been used again, and order is of its first
		// use.
		if bytes.Equal(number(v.seq), order) {
			if !anyway && c.now.Sub(c.clock.trust(v.seq, v.at)) < c.store.cfg.Retention.OnceWindow {
				return false, nil
			}
			if err := c.onceKeys.Delete(key); err != nil {
				return false, err
			}
		}
	}
	c.once--
	return true, c.onceOrder.Delete(order)
}

// forgetOnce drops the once keys of a channel.
func (c *change) forgetOnce(name string) error {
	prefix := oncePrefix(name)
	var keys, orders [][]byte
	cursor := c.onceKeys.Cursor()
	for k, value := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, value = cursor.Next() {
		v, err := decodeOnce(value)
		if err != nil {
			return damage("once key: %v", err)
		}
		keys, orders = append(keys, bytes.Clone(k)), append(orders, number(v.seq))
	}
	for i := range keys {
		if err := c.onceKeys.Delete(keys[i]); err != nil {
			return err
		}
		if err := c.onceOrder.Delete(orders[i]); err != nil {
			return err
		}
		c.once--
	}
	return nil
}
