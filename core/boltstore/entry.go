package boltstore

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

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

// checksum returns the checksum of two slices. Most processors have
// instructions for this one.
func checksum(a, b []byte) uint32 {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(a, castagnoli), castagnoli, b)
}

// entryTime returns the time of an entry, in nanoseconds since 1970.
func entryTime(b []byte) (uint64, error) {
	if len(b) < entryHead {
		return 0, errLength
	}
	return binary.BigEndian.Uint64(b[2:]), nil
}

// decodeEntry returns the record in a value, and when it was appended. The
// record shares no memory with the value, and its body stands in a
// buffer with room for what [history.Record.At] adds.
func decodeEntry(key, b []byte) (r history.Record, at time.Time, err error) {
	sum := len(b) - 4
	if sum < entryHead {
		return r, at, errLength
	}
	if binary.BigEndian.Uint32(b[sum:]) != checksum(key, b[:sum]) {
		return r, at, errors.New("checksum of an event")
	}
	r, body, err := decodeHead(b[:sum])
	if err != nil {
		return r, at, err
	}
	buf := make([]byte, history.HeadRoom, history.HeadRoom+len(body)+r.MaxTrailer())
	return r.In(append(buf, body...)), moment(binary.BigEndian.Uint64(b[2:])), nil
}

// decodeHead returns an entry's record without its body, and the rest of the
// value.
func decodeHead(b []byte) (r history.Record, rest []byte, err error) {
	if len(b) < entryHead {
		return r, nil, errLength
	}
	if b[0] != entryVersion {
		return r, nil, errors.New("version of an event")
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
		var text []byte
		if text, b, err = cutText(b); err != nil {
			return r, nil, err
		}
		*t.text = string(text)
	}
	if flags&hasFollowing != 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > math.MaxInt32 {
			return r, nil, errLength
		}
		r.Following, b = int(n), b[size:]
	}
	r.To, err = history.ParseAudience(to)
	return r, b, err
}

// cutText returns the text at the start of b, which follows its length, and the
// rest of b.
func cutText(b []byte) (text, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > math.MaxInt32 || int(n) > len(b)-size {
		return nil, nil, errLength
	}
	return b[size : size+int(n)], b[size+int(n):], nil
}
