package boltstore

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core/history"
)

// The file's buckets. Numbers in keys are big-endian, so that they sort in
// order. A channel has a number of its own, which is never used again. The
// entries of a forgotten channel are thus out of reach, and are swept later.
//
//	tidings    "format", "state", "epochs"
//	channels   name                        → state of the channel
//	tombs      name of a forgotten channel → the newest entry that it had
//	entries    channel, seq                → the entry
//	ids        channel, the app's own ID   → seq of the newest entry with it
//	keys       channel, audience and key   → seq of the newest entry with them
//	once       name, once key              → seq, time and the app's own ID of the first
//	onceorder  seq                         → key in once
//	swept      channel that was forgotten  → bytes of the entries that are left of it
//
// All channels share the buckets, because a bucket takes at least a page.
const format = "tidings history 1"

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

var errShort = errors.New("value too short")

// number returns a number as a key.
func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// pair returns two numbers as a key.
func pair(a, b uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), a), b)
}

// idKey returns the key of an ID that the app has set.
func idKey(channel uint64, id string) []byte { return append(number(channel), id...) }

// longKey is the length in bytes above which an event's key is hashed: bbolt
// limits the length of keys, and the keys of events have no limit here.
const longKey = 256

// snapshotKey returns the key for an event's audience and key.
func snapshotKey(channel uint64, to, key string) []byte {
	k := append(number(channel), 0)
	start := len(k)
	k = binary.AppendUvarint(k, uint64(len(to)))
	k = append(append(k, to...), key...)
	if len(k)-start > longKey {
		sum := sha256.Sum256(k[start:])
		k[start-1] = 1
		k = append(k[:start], sum[:]...)
	}
	return k
}

// oncePrefix returns the common prefix of a channel's keys in the once bucket.
func oncePrefix(channel string) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(channel))), channel...)
}

// onceValue describes the event that was published first with a once key.
type onceValue struct {
	seq uint64
	at  time.Time
	id  string
}

func (v onceValue) encode() []byte { return append(pair(v.seq, nanos(v.at)), v.id...) }

func decodeOnce(b []byte) (v onceValue, err error) {
	if len(b) < 16 {
		return v, errShort
	}
	return onceValue{binary.BigEndian.Uint64(b), moment(binary.BigEndian.Uint64(b[8:])), string(b[16:])}, nil
}

func nanos(t time.Time) uint64 { return uint64(t.UnixNano()) }

func moment(n uint64) time.Time { return time.Unix(0, int64(n)) } //nolint:gosec // The bits are what matters.

// Flags of an entry: which of its optional parts are present.
const (
	hasID = 1 << iota
	hasKey
	hasTo
	hasFollowing
)

// entryVersion is the first byte of an entry.
const entryVersion = 1

// entryHead is the length of the start of every entry: version, flags, time.
const entryHead = 1 + 1 + 8

// entryCost is the approximate size of an entry in the file beside its value.
const entryCost = 48

// encodeEntry returns the value of a record that was appended at a time. Its
// checksum also covers the key.
func encodeEntry(key []byte, r *history.Record, at time.Time) []byte {
	to := r.To.String()
	b := make([]byte, 0, entryHead+4*binary.MaxVarintLen32+len(r.ID)+len(r.Key)+len(to)+len(r.Body)+4)
	b = append(b, entryVersion, 0)
	b = binary.BigEndian.AppendUint64(b, nanos(at))
	text := func(flag byte, s string) {
		if s != "" {
			b[1] |= flag
			b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
		}
	}
	text(hasID, r.ID)
	text(hasKey, r.Key)
	text(hasTo, to)
	if r.Following > 0 {
		b[1] |= hasFollowing
		b = binary.AppendUvarint(b, uint64(r.Following))
	}
	b = append(b, r.Body...)
	return binary.BigEndian.AppendUint32(b, checksum(key, b))
}

func checksum(key, value []byte) uint32 {
	// Most processors have instructions for this one.
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// entryTime returns the time of an entry.
func entryTime(b []byte) (time.Time, error) {
	if len(b) < entryHead {
		return time.Time{}, errShort
	}
	return moment(binary.BigEndian.Uint64(b[2:])), nil
}

// decodeEntry returns the record in a value, and when it was appended. The
// record shares no memory with the value, and its body has room for what
// [history.Record.At] adds.
func decodeEntry(key, b []byte) (r history.Record, at time.Time, err error) {
	if len(b) < entryHead+4 {
		return r, at, errShort
	}
	sum := len(b) - 4
	if binary.BigEndian.Uint32(b[sum:]) != checksum(key, b[:sum]) {
		return r, at, errors.New("checksum of an event")
	}
	if r, at, b, err = decodeHead(b[:sum]); err != nil {
		return r, at, err
	}
	r.Body = append(make([]byte, 0, len(b)+trailerRoom(r.ID)), b...)
	return r, at, nil
}

// trailerRoom is the maximum number of bytes in an entry's frame after its
// body.
func trailerRoom(id string) int {
	return len("id: \n\n") + max(len(id), 13+1+20)
}

// decodeHead returns an entry's record without its body, and the bytes of the
// body.
func decodeHead(b []byte) (r history.Record, at time.Time, rest []byte, err error) {
	if at, err = entryTime(b); err != nil {
		return r, at, nil, err
	}
	if b[0] != entryVersion {
		return r, at, nil, errors.New("version of an event")
	}
	flags := b[1]
	b = b[entryHead:]
	var to string
	for _, t := range []struct {
		flag byte
		text *string
	}{{hasID, &r.ID}, {hasKey, &r.Key}, {hasTo, &to}} {
		if flags&t.flag == 0 {
			continue
		}
		n, size := binary.Uvarint(b)
		if size <= 0 || n > math.MaxInt32 || int(n) > len(b)-size {
			return r, at, nil, errShort
		}
		*t.text, b = string(b[size:size+int(n)]), b[size+int(n):]
	}
	if flags&hasFollowing != 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > math.MaxInt32 {
			return r, at, nil, errShort
		}
		r.Following, b = int(n), b[size:]
	}
	r.To, err = history.ParseAudience(to)
	return r, at, b, err
}
