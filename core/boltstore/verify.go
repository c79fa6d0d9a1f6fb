package boltstore

import (
	"bytes"
	"encoding/binary"

	bolt "go.etcd.io/bbolt"
)

// verify reads all buckets. It returns an error that wraps ErrDamaged if they
// are not consistent. checkPages checks the pages of the file.
func verify(tx *bolt.Tx) error {
	for _, name := range buckets() {
		if err := plain(tx, name); err != nil {
			return err
		}
	}
	known, err := decodeState(bucket(tx, bucketMain).Get([]byte(keyState)))
	if err != nil {
		return damage("state: %v", err)
	}
	counted, err := count(tx)
	if err != nil {
		return err
	}
	swept := make(map[uint64]bool)
	if err := verifySwept(tx, counted, swept); err != nil {
		return err
	}
	if err := verifyChannels(tx, known, counted); err != nil {
		return err
	}
	for number := range counted {
		return damage("entries of channel %d, which is not known", number)
	}
	if err := verifyIndexes(tx, swept); err != nil {
		return err
	}
	return verifyRest(tx, known)
}

// plain checks that a bucket is there, and holds no bucket.
func plain(tx *bolt.Tx, name string) error {
	b := bucket(tx, name)
	if b == nil {
		return damage("bucket %q is missing", name)
	}
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return damage("bucket %q in bucket %q", k, name)
		}
		return nil
	})
}

// count returns, by number, the state of each channel as its entries show it.
func count(tx *bolt.Tx) (map[uint64]channel, error) {
	counted := make(map[uint64]channel)
	err := bucket(tx, bucketEntries).ForEach(func(k, v []byte) error {
		if len(k) != 16 {
			return damage("key of an entry")
		}
		seq := binary.BigEndian.Uint64(k[8:])
		if _, _, err := decodeEntry(k, v); err != nil {
			return damage("entry %d: %v", seq, err)
		}
		ch := counted[binary.BigEndian.Uint64(k)]
		if ch.count++; ch.count == 1 {
			ch.oldest = seq
		}
		ch.newest = seq
		ch.bytes += cost(v)
		counted[binary.BigEndian.Uint64(k)] = ch
		return nil
	})
	return counted, err
}

// verifySwept compares the rest of forgotten channels with the counts, and
// removes these channels from counted.
func verifySwept(tx *bolt.Tx, counted map[uint64]channel, swept map[uint64]bool) error {
	return bucket(tx, bucketSwept).ForEach(func(k, left []byte) error {
		if len(k) != 8 || len(left) != 8 {
			return damage("what is left of a channel")
		}
		number := binary.BigEndian.Uint64(k)
		if got, want := counted[number].bytes, binary.BigEndian.Uint64(left); got != want {
			return damage("%d bytes are left of channel %d, want %d", got, number, want)
		}
		swept[number] = true
		delete(counted, number)
		return nil
	})
}

// verifyChannels does the same for the other channels.
func verifyChannels(tx *bolt.Tx, known state, counted map[uint64]channel) error {
	return bucket(tx, bucketChannels).ForEach(func(name, value []byte) error {
		ch, err := decodeChannel(value)
		if err != nil {
			return damage("channel %q: %v", name, err)
		}
		got := counted[ch.number]
		if got.count != ch.count || got.bytes != ch.bytes || ch.count > 0 && (got.oldest != ch.oldest || got.newest != ch.newest) {
			return damage("channel %q has %d entries of %d bytes, want %d of %d", name, got.count, got.bytes, ch.count, ch.bytes)
		}
		if ch.number > known.channels || max(got.newest, ch.gone) > known.head {
			return damage("channel %q is newer than the file", name)
		}
		delete(counted, ch.number)
		return nil
	})
}

// verifyIndexes checks that each ID and key refers to the right entry, except
// in forgotten channels that are partly swept.
func verifyIndexes(tx *bolt.Tx, swept map[uint64]bool) error {
	entries := bucket(tx, bucketEntries)
	for _, name := range []string{bucketIDs, bucketKeys} {
		err := bucket(tx, name).ForEach(func(k, v []byte) error {
			if len(k) < 8 || len(v) != 8 {
				return damage("key in bucket %q", name)
			}
			number := binary.BigEndian.Uint64(k)
			if swept[number] {
				return nil
			}
			r, _, _, err := decodeHead(entries.Get(append(bytes.Clone(k[:8]), v...)))
			want := idKey(number, r.ID)
			if name == bucketKeys {
				want = snapshotKey(number, r.To.String(), r.Key)
			}
			if err != nil || !bytes.Equal(k, want) {
				return damage("key %x in bucket %q leads elsewhere", k, name)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// verifyRest checks the tombs of forgotten channels, and the once keys.
func verifyRest(tx *bolt.Tx, known state) error {
	err := bucket(tx, bucketTombs).ForEach(func(name, v []byte) error {
		if len(v) != 8 || binary.BigEndian.Uint64(v) > known.head {
			return damage("forgotten channel %q", name)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = bucket(tx, bucketOnce).ForEach(func(_, v []byte) error {
		if once, bad := decodeOnce(v); bad != nil || once.seq > known.head {
			return damage("once key")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return bucket(tx, bucketOnceOrder).ForEach(func(k, _ []byte) error {
		if len(k) != 8 {
			return damage("order of the once keys")
		}
		return nil
	})
}
