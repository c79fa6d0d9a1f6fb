package boltstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// The file's buckets. Numbers are big-endian, so that keys sort by them. A
// channel has a number of its own, which is never used again. The entries of a
// forgotten channel are thus out of reach, and are swept later.
//
//	tidings    "format", "state", "epochs"
//	channels   name                        → state of the channel
//	tombs      name of a forgotten channel → the newest entry that it had
//	entries    channel, seq                → the entry
//	ids        channel, the app's own ID   → seq of the newest entry with it
//	keys       channel, audience and key   → seq of the newest entry with them
//	once       name, once key              → seq, time and the app's own ID of the first
//	onceorder  seq                         → key in once
//	swept      channel that was forgotten  → bytes that are left of it
//
// All channels share the buckets, because a bucket takes at least a page.
const format = "tidings history 2"

const (
	bucketMain      = "tidings"
	bucketChannels  = "channels"
	bucketTombs     = "tombs"
	bucketEntries   = "entries"
	bucketIDs       = "ids"
	bucketKeys      = "keys"
	bucketOnce      = "once"
	bucketOnceOrder = "onceorder"
	bucketSwept     = "swept"

	keyFormat = "format"
	keyState  = "state"
	keyEpochs = "epochs"
)

// buckets returns the names of the buckets.
func buckets() []string {
	return []string{
		bucketMain, bucketChannels, bucketTombs, bucketEntries, bucketIDs,
		bucketKeys, bucketOnce, bucketOnceOrder, bucketSwept,
	}
}

// bucket returns a bucket, or nil if there is none of that name.
func bucket(tx *bolt.Tx, name string) *bolt.Bucket { return tx.Bucket([]byte(name)) }

// cost is the approximate size in the file of a key with its value, in bytes.
func cost(k, v []byte) uint64 { return uint64(len(k) + len(v) + 32) }

var errLength = errors.New("value of a wrong length")

// key returns numbers as a key, or as a value.
func key(numbers ...uint64) []byte {
	b := make([]byte, 0, 8*len(numbers))
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// decode sets numbers to those in b, which has no others.
func decode(b []byte, numbers ...*uint64) error {
	if len(b) != 8*len(numbers) {
		return errLength
	}
	for i, n := range numbers {
		*n = binary.BigEndian.Uint64(b[8*i:])
	}
	return nil
}

// encode is the inverse of decode.
func encode(numbers ...*uint64) []byte {
	b := make([]byte, 0, 8*len(numbers))
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, *n)
	}
	return b
}

// nanos returns a time as the file has it.
func nanos(t time.Time) uint64 { return uint64(t.UnixNano()) }

// moment is the inverse of nanos.
func moment(n uint64) time.Time { return time.Unix(0, int64(n)) } //nolint:gosec // The bits are what matters.

// idKey returns the key of an ID that the app has set.
func idKey(channel uint64, id string) []byte { return append(key(channel), id...) }

// longKey is the length in bytes above which an event's key is hashed: bbolt
// limits the length of keys, and the keys of events have no limit here.
const longKey = 256

// subjectKey returns the key for an event's audience and key.
func subjectKey(channel uint64, to, name string) []byte {
	k := append(key(channel), 0)
	start := len(k)
	k = binary.AppendUvarint(k, uint64(len(to)))
	k = append(append(k, to...), name...)
	if len(k)-start > longKey {
		sum := sha256.Sum256(k[start:])
		k[start-1] = 1
		k = append(k[:start], sum[:]...)
	}
	return k
}

// indexKeys returns the keys of a record in the buckets ids and keys, or nil
// where it has none.
func indexKeys(channel uint64, r *history.Record) (id, subject []byte) {
	if r.ID != "" {
		id = idKey(channel, r.ID)
	}
	if r.Key != "" {
		subject = subjectKey(channel, r.To.String(), r.Key)
	}
	return id, subject
}

// oncePrefix returns the common prefix of a channel's keys in the once bucket.
func oncePrefix(channel string) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(channel))), channel...)
}

// onceValue describes the event that was published first with a once key.
type onceValue struct {
	seq, at uint64 // at in nanoseconds since 1970
	id      string
}

func (v onceValue) encode() []byte { return append(key(v.seq, v.at), v.id...) }

func decodeOnce(b []byte) (v onceValue, err error) {
	if len(b) < 16 {
		return v, errLength
	}
	v.id = string(b[16:])
	return v, decode(b[:16], &v.seq, &v.at)
}
