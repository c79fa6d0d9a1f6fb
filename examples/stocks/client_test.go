package stocks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// client returns an HTTP client that keeps no connection beyond the test.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// answer is a whole response.
type answer struct {
	*http.Response
	body string
}

// ask sends a request, with header fields in pairs, and reads the response.
func ask(t *testing.T, method, url string, header ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := client(t).Do(request(ctx, t, method, url, header...))
	if err != nil {
		t.Fatalf("%s %s: got error %v, want a response", method, url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: got error %v, want a whole body", method, url, err)
	}
	return answer{resp, string(body)}
}

func request(ctx context.Context, t *testing.T, method, url string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// stream is an event stream that is open.
type stream struct {
	t       *testing.T
	header  http.Header
	decoder *core.Decoder
	raw     bytes.Buffer // what the decoder has read
	cancel  context.CancelFunc
	close   func() error
}

// open opens an event stream. It must send what is read from it in time.
func open(t *testing.T, url string, header ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	resp, err := client(t).Do(request(ctx, t, http.MethodGet, url, header...))
	if err != nil {
		t.Fatalf("GET %s: got error %v, want a stream", url, err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		t.Fatalf("GET %s: got %s, %v, %q, want an event stream", url, resp.Status, resp.Header, body)
	}
	s := &stream{t: t, header: resp.Header, cancel: cancel, close: resp.Body.Close}
	s.decoder = core.NewDecoder(io.TeeReader(resp.Body, &s.raw), core.DecoderConfig{})
	t.Cleanup(s.cut)
	return s
}

// cut closes the connection.
func (s *stream) cut() {
	s.cancel()
	_ = s.close()
}

// next returns the next event.
func (s *stream) next() core.Event {
	s.t.Helper()
	ev, err := s.decoder.Next()
	if err != nil {
		s.t.Fatalf("next event: got error %v, want an event", err)
	}
	return ev
}

// take returns the next n events.
func (s *stream) take(n int) []core.Event {
	s.t.Helper()
	events := make([]core.Event, n)
	for i := range events {
		events[i] = s.next()
	}
	return events
}

// end reads the stream to its end.
func (s *stream) end() {
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

// contiguous checks that events are quotes whose IDs count up by one.
func contiguous(t *testing.T, events []core.Event) {
	t.Helper()
	for i, ev := range events {
		if ev.Name != "stockupdate" {
			t.Fatalf("event %d: got name %q, want stockupdate", i, ev.Name)
		}
		if i > 0 && seq(t, ev.ID) != seq(t, events[i-1].ID)+1 {
			t.Fatalf("event %d: got ID %s after %s, want the next one", i, ev.ID, events[i-1].ID)
		}
	}
}

// seq returns which event of a program's an ID stands for.
func seq(t *testing.T, id string) uint64 {
	t.Helper()
	at, ok := core.ParsePosition(id)
	if !ok {
		t.Fatalf("event ID: got %q, want a position", id)
	}
	return at.Seq
}

// stats are what /stats says.
type stats struct {
	Streams   *int `json:"streams"`
	Published *int `json:"published"`
}

func readStats(t *testing.T, url string) (streams, published int) {
	t.Helper()
	got := ask(t, http.MethodGet, url+"/stats")
	var s stats
	err := json.Unmarshal([]byte(got.body), &s)
	if got.StatusCode != http.StatusOK || err != nil || s.Streams == nil || s.Published == nil {
		t.Fatalf("stats: got %s, %s, want streams and published in JSON", got.Status, got.body)
	}
	return *s.Streams, *s.Published
}

// awaitStreams waits until so many streams are open, and returns how long that
// took.
func awaitStreams(t *testing.T, url string, want int) time.Duration {
	t.Helper()
	begin := time.Now()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		got, _ := readStats(t, url)
		took := time.Since(begin)
		if got == want {
			return took
		}
		if took > 5*time.Second {
			t.Fatalf("open streams: got %d after %v, want %d", got, took, want)
		}
		<-poll.C
	}
}
