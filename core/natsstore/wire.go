package natsstore

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// A message of an event begins with the format's version, and the call of Append
// that it belongs to. Three numbers follow, texts, each after its length, and the
// body.
const (
	wireVersion = 1
	wireHeader  = 1 + 8 + 8
)

// maxText bounds the texts of a message. All limits of the hub are far below.
const maxText = 1 << 16

var errWire = errors.New("not a message of this store")

// call identifies a call of Append: a store, and a number.
type callID struct{ writer, number uint64 }

// message is an event as it is in the stream.
type message struct {
	call callID
	// part is the index of the event in its call, of parts.
	part, parts int
	record      history.Record
}

// appendMessage appends the message to dst.
func appendMessage(dst []byte, m message) []byte {
	dst = append(dst, wireVersion)
	dst = binary.BigEndian.AppendUint64(dst, m.call.writer)
	dst = binary.BigEndian.AppendUint64(dst, m.call.number)
	for _, n := range []int{m.part, m.parts, m.record.Following} {
		dst = binary.AppendUvarint(dst, uint64(max(n, 0)))
	}
	for _, text := range []string{m.record.Channel, m.record.ID, m.record.Key, m.record.To.String(), m.record.Once, m.record.Trace} {
		dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}
	return append(dst, m.record.Body...)
}

// parseMessage returns the message in data. The record uses the memory of data.
func parseMessage(data []byte) (m message, err error) {
	if len(data) < wireHeader || data[0] != wireVersion || len(data) > math.MaxInt32 {
		return m, errWire
	}
	m.call = callID{binary.BigEndian.Uint64(data[1:]), binary.BigEndian.Uint64(data[9:])}
	rest := data[wireHeader:]
	r := &m.record
	for _, number := range []*int{&m.part, &m.parts, &r.Following} {
		value, n := binary.Uvarint(rest)
		if n <= 0 || value > math.MaxInt16 {
			return m, errWire
		}
		*number, rest = int(value), rest[n:]
	}
	var to string
	for _, text := range []*string{&r.Channel, &r.ID, &r.Key, &to, &r.Once, &r.Trace} {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > maxText || size > uint64(len(rest)-n) { //nolint:gosec // It is not negative.
			return m, errWire
		}
		*text, rest = string(rest[n:n+int(size)]), rest[n+int(size):]
	}
	if r.To, err = history.ParseAudience(to); err != nil || history.NameFault(r.Channel) != "" {
		return m, errWire
	}
	r.Body = rest
	return m, nil
}

// token returns the token of a subject that stands for a text.
func token(text string) string {
	sum := sha256.Sum256([]byte(text))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:20])) // 32 characters, no padding
}

// subjects are the subjects of a store's streams.
type subjects struct{ prefix string }

func (s subjects) log() string                 { return s.prefix + ".log.>" }
func (s subjects) epoch() string               { return s.prefix + ".log.epoch" }
func (s subjects) event(channel string) string { return s.prefix + ".log.event." + token(channel) }
func (s subjects) once(channel, key string) string {
	return s.prefix + ".log.once." + token(channel) + "." + token(key)
}
func (s subjects) state() string              { return s.prefix + ".state.>" }
func (s subjects) gone(channel string) string { return s.prefix + ".state.gone." + token(channel) }
func (s subjects) forgot() string             { return s.prefix + ".state.forgot" }
func (s subjects) claim() string              { return s.prefix + ".state.claim" }
func (s subjects) origin() string             { return s.prefix + ".state.origin" }

// checkNames returns an error if a name or prefix would not do in a subject.
func checkNames(cfg Config) error {
	bad := func(text, more string) bool {
		return text == "" || len(text) > 200 || strings.ContainsFunc(text, func(r rune) bool {
			return r <= ' ' || r > '~' || strings.ContainsRune(more, r)
		})
	}
	switch {
	case bad(cfg.Stream, ".*>/\\"):
		return errors.New("tidings: nats: the name of the stream is not one")
	case bad(cfg.Prefix, "*>") || strings.HasPrefix(cfg.Prefix, ".") || strings.HasSuffix(cfg.Prefix, ".") || strings.Contains(cfg.Prefix, ".."):
		return errors.New("tidings: nats: the prefix is not the beginning of a subject")
	case cfg.Domain != "" && bad(cfg.Domain, ".*>"):
		return errors.New("tidings: nats: the domain is not one")
	}
	return nil
}
