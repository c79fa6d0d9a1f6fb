package doctor_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/doctor"
)

// stream returns a handler that answers with an event stream.
func stream(send func(w http.ResponseWriter, r *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		send(w, r)
	})
}

// Of a stream without a probe, the report says what it can.
func TestStranger(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	r := examine(t, doctor.Config{URL: serve(t, core.Subscribe(hub, "clock")).URL, Watch: 500 * time.Millisecond})
	if !r.Healthy() || r.Probe || !r.Complete || !has(r, doctor.NoProbe) {
		t.Errorf("a quiet stream: got %s", text(r))
	}
	broken := stream(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	for what, test := range map[string]struct {
		handler http.Handler
		want    string
	}{
		"broken off":   {broken, "cut"},
		"ends at once": {stream(func(http.ResponseWriter, *http.Request) {}), "cut"},
		"ends":         {stream(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "data: 1\n\n") }), ""},
		"from a cache": {stream(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Age", "12")
			_, _ = fmt.Fprint(w, "data: 1\n\n")
		}), "cache"},
	} {
		r := examine(t, doctor.Config{URL: serve(t, test.handler).URL})
		if got := codes(r); got != test.want {
			t.Errorf("a stream that is %s: got %q, want %q", what, got, test.want)
		}
	}
}

// has reports whether a report has a finding.
func has(r *doctor.Report, c doctor.Code) bool {
	return slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool { return f.Code == c })
}

// flood returns a handler that sends a text without end.
func flood(text string) http.Handler {
	text = strings.Repeat(text, 1000)
	return stream(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := fmt.Fprint(w, text); err != nil {
				return
			}
		}
	})
}

// bomb sends zeros without end, compressed.
func bomb(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	zeros := make([]byte, 1<<20)
	for r.Context().Err() == nil {
		if _, err := z.Write(zeros); err != nil {
			return
		}
	}
}

// lie says that it is a probe.
func lie(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Tidings-Probe", "stream")
	_, _ = fmt.Fprint(w, "event: tidings-hello\ndata: {\"run\":\"x\",\"at\":-9223372036854775808}\n\n"+
		"event: tidings-tick\ndata: {\"n\":-1,\"at\":9223372036854775807}\n\nevent: tidings-end\ndata: {}\n\n")
}

// What is read of a server is bounded, whatever it sends.
func TestBounds(t *testing.T) {
	t.Parallel()
	headers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 1<<20))
	})
	for what, handler := range map[string]http.Handler{
		"a flood of events": flood("data: x\n\n"), "one line": flood("x"), "one event": flood("data: x\n"),
		"a bomb": stream(bomb), "headers": headers, "a lying probe": stream(lie),
		"redirects": http.RedirectHandler("/", http.StatusFound),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			url := serve(t, handler).URL
			r, err := doctor.Examine(t.Context(), doctor.Config{URL: url, Watch: 10 * time.Second})
			if failing := what == "headers"; failing != (err != nil) {
				t.Errorf("got error %v and %+v", err, r)
			}
			if what == "redirects" && codes(r) != "status" {
				t.Errorf("got %s", text(r))
			}
		})
	}
}

// Nothing of a server's reaches the terminal as a command.
func TestCleanText(t *testing.T) {
	t.Parallel()
	evil := "\u009b2J\u202e" + strings.Repeat("e", 5_000) // HTTP carries no ESC in a field
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, name := range []string{"Server", "Via", "Cache-Control", "ETag", "X-Cache", "Content-Encoding"} {
			w.Header()[name] = []string{evil + " hit"}
		}
		w.Header().Set("Content-Type", "text/"+evil)
		_, _ = w.Write([]byte("\x1b[2J" + evil))
	})).URL
	r := examine(t, doctor.Config{URL: url + "/%7f%1b[2J"})
	encoded, err := json.Marshal(r)
	if err != nil {
		t.Fatalf("JSON: %v", err)
	}
	for _, got := range []string{text(r), string(encoded)} {
		bad := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) })
		if bad >= 0 || len(got) > 20_000 {
			t.Errorf("got %d bytes, at %d what does not print, in %.300q", len(got), bad, got)
		}
	}
}

// Who interrupts the doctor gets what it knows.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	url := serve(t, tagged(http.NotFoundHandler())).URL
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var said bytes.Buffer
	r, err := doctor.Examine(ctx, doctor.Config{URL: url})
	if err != nil || !r.Complete || r.Healthy() {
		t.Errorf("no stream: got %+v, %v", r, err)
	}
	url = serve(t, probe(core.AutoConn)).URL
	began := time.Now()
	r, err = doctor.Examine(ctx, doctor.Config{
		URL: url, Idle: time.Minute, Watch: time.Minute,
		Progress: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(&said, line)
			if strings.Contains(line, "a probe has answered") {
				cancel()
			}
		},
	})
	if err != nil || r.Complete || !r.Probe || r.App == nil {
		t.Errorf("got %+v, %v, want what is known", r, err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v to interrupt", took)
	}
	if _, err := doctor.Examine(ctx, doctor.Config{URL: url}); !errors.Is(err, context.Canceled) {
		t.Errorf("without an answer: got error %v, want the context's", err)
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "example.com", "http://", "ftp://example.com", "http://user:secret@%zz", "http://[::1"} {
		if _, err := doctor.Examine(t.Context(), doctor.Config{URL: url}); !errors.Is(err, doctor.ErrURL) {
			t.Errorf("URL %q: got error %v, want ErrURL", url, err)
		}
	}
	_, err := doctor.Examine(t.Context(), doctor.Config{URL: "http://user:secret@127.0.0.1:1/?secret=1"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a server that is down: got error %v, want one without secrets", err)
	}
}
