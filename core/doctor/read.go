package doctor

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Bounds of what the doctor reads: the URL may be anybody's.
const (
	maxBody     = 4 << 20 // bytes of one answer, before and after it is unpacked
	maxEvent    = 256 << 10
	maxArrivals = 2 * maxTicks
	maxExcerpt  = 512
)

var errTooMuch = errors.New("tidings: doctor: the answer is too long")

// read reads an answer, until it ends or is enough.
func (v *visit) read(ctx context.Context, resp *http.Response) {
	if v.status != http.StatusOK || !isEventStream(v.header) || v.outside != "" {
		excerpt, _ := io.ReadAll(io.LimitReader(resp.Body, maxExcerpt)) // what there is will do
		v.ending, v.excerpt, v.endedAt = answered, clean(string(excerpt), maxExcerpt), time.Since(v.began)
		return
	}
	raw := &meter{r: resp.Body, visit: v}
	body, err := unpack(v.encoding, raw)
	if err != nil && ctx.Err() == nil && errors.Is(err, errors.ErrUnsupported) {
		v.ending, v.endedAt = undecodable, time.Since(v.began)
		return
	}
	var d *core.Decoder
	if err == nil {
		d = core.NewDecoder(&limited{r: body, left: maxBody}, core.DecoderConfig{MaxEvent: maxEvent})
	}
	for err == nil {
		var ev core.Event
		if ev, err = d.Next(); err == nil && v.take(ev) {
			v.endedAt = time.Since(v.began)
			return
		}
	}
	var size *core.SizeError
	switch {
	case errors.Is(err, errTooMuch), errors.As(err, &size):
		v.ending, v.endedAt = full, time.Since(v.began)
	case err == io.EOF && ctx.Err() == nil: //nolint:errorlint // Wrapped, it is a reader's failure.
		v.ending, v.endedAt = closed, time.Since(v.began)
	default:
		v.end(ctx, err)
	}
}

// take takes note of an event, and reports whether the visit ends with it.
func (v *visit) take(ev core.Event) bool {
	came := time.Since(v.began)
	if v.events++; v.events == 1 {
		v.firstAt = came
	}
	if v.answer != "" {
		switch ev.Name {
		case helloName:
			var h hello
			if v.hello == nil && json.Unmarshal([]byte(ev.Data), &h) == nil {
				v.hello = h.clean()
				v.arrive(0, h.At, came, len(ev.Data))
			}
		case tickName, endName:
			var t tick
			if json.Unmarshal([]byte(ev.Data), &t) == nil {
				v.arrive(t.N, t.At, came, len(ev.Data))
			}
		case recordName:
			var r record
			if json.Unmarshal([]byte(ev.Data), &r) == nil {
				v.record = &r
			}
		}
	}
	switch {
	case ev.Name == endName && v.answer != "", v.record != nil:
		v.ending = complete
		return true
	case v.ask.leave > 0 && v.events >= v.ask.leave:
		v.ending = left
		return true
	}
	return false
}

// arrive adds an event that came.
func (v *visit) arrive(n int, sent int64, came time.Duration, size int) {
	if len(v.arrivals) < maxArrivals {
		v.arrivals = append(v.arrivals, arrival{
			n: n, sent: time.Duration(sent) * time.Microsecond, came: came, size: size,
		})
	}
}

// clean returns the hello with its texts as they may be shown.
func (h hello) clean() *hello {
	for _, text := range []*string{
		&h.App.Protocol, &h.App.Via, &h.App.ForwardedProto, &h.App.AcceptEncoding, &h.App.LastEventID,
	} {
		*text = clean(*text, maxSaid)
	}
	return &h
}

// isEventStream reports whether an answer is an event stream (section 9.2.3).
func isEventStream(h http.Header) bool {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter)) && media == "text/event-stream"
}

// unpack returns a reader of what a body holds. The error is
// [errors.ErrUnsupported] for an encoding that it does not know.
func unpack(encoding string, body io.Reader) (io.Reader, error) {
	var r io.Reader
	var err error
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bufio.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bufio.NewReader(body))
	default:
		return nil, errors.ErrUnsupported
	}
	if err != nil {
		return nil, fmt.Errorf("tidings: doctor: %s: %w", encoding, err)
	}
	return r, nil
}

// meter counts and times what is read from the network, and bounds it.
type meter struct {
	r     io.Reader
	visit *visit
}

// Read reads.
func (m *meter) Read(p []byte) (int, error) {
	if m.visit.bytes >= maxBody {
		return 0, errTooMuch
	}
	n, err := m.r.Read(p)
	if n > 0 {
		now := time.Since(m.visit.began)
		m.visit.bytes += int64(n)
		m.visit.gap = max(m.visit.gap, now-m.visit.byteAt)
		m.visit.byteAt = now
	}
	return n, err
}

// limited reads at most so many bytes, and then fails.
type limited struct {
	r    io.Reader
	left int
}

// Read reads.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.r.Read(p)
	l.left -= n
	return n, err
}
