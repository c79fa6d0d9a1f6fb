package history

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
)

// Position is the place of an event in the one order of a hub. Epoch identifies
// one lifetime of a store; Seq counts its events from 1. Positions of the same
// epoch compare by their sequence number; positions of different epochs do not
// compare.
type Position struct {
	// Epoch identifies one lifetime of a store. The epoch of a store is never 0.
	Epoch uint64
	// Seq counts the events of an epoch, from 1. 0 stands for the position before
	// the first event.
	Seq uint64
}

// String returns the position as it is sent, like "2k8x1m9q-17": the epoch in
// base 36 and the sequence number in decimal. Clients must treat it as opaque.
func (p Position) String() string {
	return string(p.Append(make([]byte, 0, 32)))
}

// Append appends the text of the position to dst, and returns the extended
// slice.
func (p Position) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, p.Epoch, 36)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, p.Seq, 10)
}

// ParsePosition returns the position whose text is id. It reports false for any
// text that [Position.String] does not produce.
func ParsePosition(id string) (Position, bool) {
	epoch, seq, ok := strings.Cut(id, "-")
	if !ok || len(id) > 34 {
		return Position{}, false
	}
	e, err := strconv.ParseUint(epoch, 36, 64)
	if err != nil || e == 0 {
		return Position{}, false
	}
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		return Position{}, false
	}
	p := Position{Epoch: e, Seq: n}
	if p.String() != id {
		return Position{}, false
	}
	return p, true
}

// NewEpoch returns an epoch for a new lifetime of a store. It is random, so
// that a store recognises an ID from before a restart.
func NewEpoch() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: the program ends first
	// 40 bits make at most eight characters; setting the lowest bit avoids 0.
	return binary.BigEndian.Uint64(b[:])>>24 | 1
}
