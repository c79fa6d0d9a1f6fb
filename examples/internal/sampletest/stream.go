package sampletest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/tidings-go/tidings/core"
)

// Stream is an event stream that is open.
type Stream struct {
	// Header is that of the response.
	Header http.Header
	// Raw is what was read so far, which may be beyond the last event.
	Raw bytes.Buffer

	t       *testing.T
	decoder *core.Decoder
	cancel  context.CancelFunc
	close   func() error
}

// Open opens an event stream, with header fields in pairs. It must send what
// is read from it in time.
func Open(t *testing.T, url string, header ...string) *Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*Patience)
	t.Cleanup(cancel)
	resp, err := Client(t).Do(Request(ctx, t, http.MethodGet, url, header...))
	if err != nil {
		t.Fatalf("GET %s: got error %v, want a stream", url, err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		t.Fatalf("GET %s: got %s, %v, %q, want an event stream", url, resp.Status, resp.Header, body)
	}
	s := &Stream{t: t, Header: resp.Header, cancel: cancel, close: resp.Body.Close}
	s.decoder = core.NewDecoder(io.TeeReader(resp.Body, &s.Raw), core.DecoderConfig{})
	t.Cleanup(s.Cut)
	return s
}

// Cut closes the connection.
func (s *Stream) Cut() {
	s.cancel()
	_ = s.close()
}

// Next returns the next event.
func (s *Stream) Next() core.Event {
	s.t.Helper()
	ev, err := s.decoder.Next()
	if err != nil {
		s.t.Fatalf("next event: got error %v, want an event", err)
	}
	return ev
}

// Take returns the next n events.
func (s *Stream) Take(n int) []core.Event {
	s.t.Helper()
	events := make([]core.Event, n)
	for i := range events {
		events[i] = s.Next()
	}
	return events
}

// End reads the stream to its end.
func (s *Stream) End() {
	s.t.Helper()
	for {
		if _, err := s.decoder.Next(); err != nil {
			if !errors.Is(err, io.EOF) {
				s.t.Errorf("end of the stream: got error %v, want io.EOF", err)
			}
			return
		}
	}
}
