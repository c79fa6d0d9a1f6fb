package redisstore

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/history"
)

// version is the first byte of an encoded record.
const version = 1

// encode returns all of a record but its channel: the number of records that
// follow, its texts, each with its length, and its body.
func encode(r history.Record) []byte {
	to := r.To.String()
	b := make([]byte, 0, 1+5*binary.MaxVarintLen32+len(to)+len(r.ID)+len(r.Key)+len(r.Trace)+len(r.Body))
	b = binary.AppendUvarint(append(b, version), uint64(max(r.Following, 0)))
	for _, text := range []string{to, r.ID, r.Key, r.Trace} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return append(b, r.Body...)
}

// decode returns the record that encode was given.
func decode(channel, blob string) (r history.Record, err error) {
	if len(blob) == 0 || blob[0] != version {
		return r, errAnswer
	}
	d := decoder{rest: blob[1:]}
	r.Following = int(min(d.number(), 1<<15)) //nolint:gosec // It is bounded.
	to := d.text()
	r.Channel, r.ID, r.Key, r.Trace = channel, d.text(), d.text(), d.text()
	if d.bad {
		return r, errAnswer
	}
	r.Body = []byte(d.rest)
	r.To, err = history.ParseAudience(to)
	return r, err
}

// decoder reads from a text, until it is bad.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) number() uint64 {
	var b [binary.MaxVarintLen64]byte
	n, size := binary.Uvarint(b[:copy(b[:], d.rest)])
	if size <= 0 {
		d.bad = true
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.rest)) {
		d.bad = true
		return ""
	}
	text := strings.Clone(d.rest[:n])
	d.rest = d.rest[n:]
	return text
}

// fields are those of an element of the stream.
type fields struct {
	epoch, wall   uint64
	channel, blob string
	link          string // and that of the entry before, if that is another one
}

// newFields returns the fields, given those of the stream. meta is the epoch, the
// time, the bytes, and the link.
func newFields(channel, meta, blob string) (f fields, err error) {
	parts := strings.SplitN(meta, " ", 4)
	if len(parts) < 4 {
		return f, errAnswer
	}
	in := answer{values: []any{parts[0], parts[1]}}
	f = fields{epoch: in.number(), wall: in.number(), channel: channel, link: parts[3], blob: blob}
	return f, in.err
}

// entry returns the entry of an element at a position.
func (f fields) entry(p history.Position) (*history.Entry, error) {
	if history.NameFault(f.channel) != "" {
		return nil, errAnswer
	}
	r, err := decode(f.channel, f.blob)
	if err != nil {
		return nil, err
	}
	return r.At(p, moment(f.wall)), nil
}

// entry reads what a script gives of an element of the stream.
func (a *answer) entry(epochs history.Epochs, links *chain) (*history.Entry, error) {
	seq := a.number()
	f, err := newFields(a.text(), a.text(), a.text())
	if err = errors.Join(err, a.err); err != nil {
		return nil, err
	}
	links.add(seq, f.own())
	return f.entry(epochs.At(seq))
}

// seqOf returns the sequence number in the name of an element.
func seqOf(name string) (uint64, bool) {
	text, ok := strings.CutSuffix(name, "-0")
	in := answer{values: []any{text}}
	n := in.number()
	return n, ok && in.err == nil
}

// message returns the fields of an element that XREAD returned, and its entry.
func message(m redis.XMessage) (f fields, e *history.Entry, err error) {
	seq, ok := seqOf(m.ID)
	in := answer{values: []any{m.Values["c"], m.Values["m"], m.Values["v"]}}
	f, err = newFields(in.text(), in.text(), in.text())
	if err != nil || in.err != nil || !ok {
		return f, nil, errAnswer
	}
	e, err = f.entry(history.Position{Epoch: f.epoch, Seq: seq})
	return f, e, err
}

// moment returns the time of a number of microseconds.
func moment(micros uint64) time.Time {
	return time.UnixMicro(int64(min(micros, 1<<62))) //nolint:gosec // It is bounded.
}
