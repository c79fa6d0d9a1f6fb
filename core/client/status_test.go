package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core/client"
)

func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestStatus checks that any status but 200 ends the run, and that 204 is not
// an error.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{
		201, 202, 204, 205, 206, 300, 301, 302, 303, 304, 305, 307, 308,
		400, 401, 403, 404, 407, 408, 410, 429, 451, 500, 501, 502, 503, 504, 599,
	} {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprint(status, later), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					requests := 0
					refuse := answer(status, "", "Content-Type", "text/event-stream")
					handlers := []http.HandlerFunc{refuse}
					if later {
						handlers = []http.HandlerFunc{cut("data: a\n\n"), refuse}
					}
					all := attempts(handlers...)
					c := open(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
						requests++
						all(w, r)
					})
					err := c.Run(t.Context())
					equal(t, "requests", requests, len(handlers))
					if status == http.StatusNoContent {
						if err != nil {
							t.Errorf("got error %v, want none", err)
						}
						return
					}
					wantReason(t, err, client.Refused)
					var e *client.StatusError
					if !errors.As(err, &e) || e.Status != status {
						t.Errorf("got error %v, want status %d", err, status)
					}
				})
			})
		}
	}
}

// TestContentType checks which answers are event streams.
func TestContentType(t *testing.T) {
	t.Parallel()
	for contentType, ok := range map[string]bool{
		"text/event-stream":                              true,
		"text/event-stream;":                             true,
		"Text/Event-Stream; charset=UTF-8":               true,
		"text/event-stream;charset=windows-1252":         true,
		"text/event-stream; charset":                     true,
		"text/event-stream; charset=a; charset=b":        true,
		`text/event-stream; "`:                           true,
		" text/event-stream ;x=y":                        true,
		"text/event-streams":                             false,
		"text/event stream":                              false,
		"text/x-bogus":                                   false,
		"x%20bogus":                                      false,
		"text/html; text/event-stream":                   false,
		"application/x-ndjson":                           false,
		"application/json":                               false,
		"":                                               false,
		"text/html, text/event-stream":                   false,
		strings.Repeat("x", 5000) + "/text/event-stream": false,
	} {
		t.Run(fmt.Sprintf("%.40q", contentType), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := open(t, client.Config{OneShot: true}, answer(http.StatusOK, "data: a\n\n", "Content-Type", contentType))
				got, err := collect(t, c)
				if ok {
					if got != `message "" "a"` || err != nil {
						t.Errorf("got %q and error %v, want the event", got, err)
					}
					return
				}
				equal(t, "events", got, "")
				wantReason(t, err, client.NotEvents)
				var e *client.ContentTypeError
				if !errors.As(err, &e) || len(e.Error()) > 500 {
					t.Errorf("got error %v, want a short one that is about the content type", err)
				}
			})
		})
	}
}

// TestContentEncoding checks that a body with an unknown content encoding is
// not read.
func TestContentEncoding(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for encoding, want := range map[string]string{"br": "", "identity": `message "" "a"`} {
			c := open(t, client.Config{OneShot: true}, answer(http.StatusOK, "data: a\n\n",
				"Content-Type", "text/event-stream", "Content-Encoding", encoding))
			got, err := collect(t, c)
			equal(t, encoding, got, want)
			var e *client.ContentTypeError
			if errors.As(err, &e) != (want == "") || (want == "" && !strings.Contains(err.Error(), `"br"`)) {
				t.Errorf("%s: got error %v, want it for br only", encoding, err)
			}
		}
	})
}

// TestRetryStatus checks that a client retries after a configured status, and
// not before the server's Retry-After.
func TestRetryStatus(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header string
		cfg    client.Backoff
		want   time.Duration
	}{
		{"none", "", client.Backoff{}, 3 * time.Second},
		{"seconds", "7", client.Backoff{}, 7 * time.Second},
		{"seconds, few", "1", client.Backoff{}, 3 * time.Second},
		{"seconds, many", "3600", client.Backoff{}, time.Hour},
		{"seconds, too many", "3600", client.Backoff{MaxDelay: time.Minute}, time.Minute},
		{"seconds, more than a server can ask for", "3601", client.Backoff{}, time.Hour},
		{"seconds, more than there are", "99999999999999999999999999", client.Backoff{}, time.Hour},
		{"seconds, own limit", "3601", client.Backoff{MaxServerDelay: 2 * time.Hour}, 3601 * time.Second},
		{"seconds, no limit", "86400", client.Backoff{MaxServerDelay: -1}, 24 * time.Hour},
		{"a date, far away", "Fri, 31 Dec 9999 23:59:59 GMT", client.Backoff{}, time.Hour},
		{"a date", "Sat, 01 Jan 2000 00:00:20 GMT", client.Backoff{}, 20 * time.Second}, // a bubble begins in 2000
		{"a date that has passed", "Fri, 31 Dec 1999 00:00:20 GMT", client.Backoff{}, 3 * time.Second},
		{"nonsense", "-7", client.Backoff{}, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				tt.cfg.Jitter = -1
				c := open(t, client.Config{Backoff: tt.cfg, RetryStatus: client.TemporaryStatus}, attempts(
					answer(http.StatusServiceUnavailable, "not now", "Retry-After", tt.header),
					stream("data: a\n\n"), answer(http.StatusNotFound, "gone for good", "X-Reason", "none"),
				))
				var took time.Duration
				for ev, err := range c.Events(t.Context()) {
					if err == nil {
						equal(t, "data", ev.Data, "a")
						took = time.Since(begin)
						continue
					}
					wantReason(t, err, client.Refused)
					var e *client.StatusError
					if !errors.As(err, &e) || e.Excerpt != "gone for good" || e.Header.Get("X-Reason") != "none" {
						t.Errorf("got error %#v, want the server's answer in it", err)
					}
				}
				equal(t, "delay", took, tt.want)
			})
		})
	}
}

func TestTemporaryStatus(t *testing.T) {
	t.Parallel()
	temporary := 0
	for status := range 600 {
		if client.TemporaryStatus(status) {
			temporary++
		}
	}
	if temporary != 7 || !client.TemporaryStatus(429) || client.TemporaryStatus(501) {
		t.Errorf("got %d statuses, want 7, with 429 and without 501", temporary)
	}
}

// TestRest checks that a little of a response without a stream is read, for a
// short time, and that its connection is reused if that was all.
func TestRest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		refuse  http.HandlerFunc
		reused  bool
		excerpt int
		within  time.Duration
	}{
		{"short", answer(http.StatusBadGateway, "short"), true, 5, 0},
		{"some", answer(http.StatusBadGateway, strings.Repeat("x", 6000)), true, 1024, 0},
		{"much", answer(http.StatusBadGateway, strings.Repeat("x", 1<<20)), false, 1024, 0},
		{"without end", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "wait")
			flush(w)
			<-r.Context().Done()
		}, false, 4, 200 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var from []string
				all := attempts(tt.refuse)
				begin := time.Now()
				h := client.Handlers{Error: func(err error) error {
					var e *client.StatusError
					if !errors.As(err, &e) || len(e.Excerpt) != tt.excerpt || time.Since(begin) > tt.within {
						t.Errorf("got error %#v after %v, want an excerpt of %d bytes", err, time.Since(begin), tt.excerpt)
					}
					return nil
				}}
				hc := serve(t, func(w http.ResponseWriter, r *http.Request) {
					from = append(from, r.RemoteAddr)
					all(w, r)
				})
				used := 0
				dial := transportOf(hc).DialContext
				transportOf(hc).DialContext = counted(dial, &used)
				c := create(t, client.Config{URL: "http://a.example", HTTPClient: hc, Handlers: h, RetryStatus: client.TemporaryStatus})
				if err := c.Run(t.Context()); err != nil {
					t.Errorf("got error %v, want none", err)
				}
				equal(t, "requests", len(from), 2)
				equal(t, "connections used again", used == 1, tt.reused)
			})
		})
	}
}
