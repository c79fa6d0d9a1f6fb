package history

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"strings"
)

// Position is an event's place in the one order of a hub: which run of which
// store, and the how-manieth event of it. Positions of one epoch compare by
// their sequence number; positions of different epochs do not compare.
type Position struct {
	// Epoch tells one life of a store from another. It is never 0.
	Epoch uint64
	// Seq counts the events of an epoch, from 1. It is 0 before the first.
	Seq uint64
}

// String returns the position as it stands on the wire, like "2k8x1m9q-17":
// epoch in base 36, sequence number in decimal. Clients must treat it as
// opaque.
func (p Position) String() string {
	return string(p.Append(make([]byte, 0, 32)))
}

// Append appends the position's text to dst, and returns the extended slice.
func (p Position) Append(dst []byte) []byte {
	dst = strconv.AppendUint(dst, p.Epoch, 36)
	dst = append(dst, '-')
	return strconv.AppendUint(dst, p.Seq, 10)
}

// ParsePosition returns the position that id is the text of. It reports false
// for everything that [Position.String] would not have written.
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

// NewEpoch returns an epoch for a new life of a store: random, so that an ID
// from before a restart is recognised as such.
func NewEpoch() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program first
	// 40 bits make at most eight characters; the lowest bit keeps it from 0.
	return binary.BigEndian.Uint64(b[:])>>24 | 1
}
