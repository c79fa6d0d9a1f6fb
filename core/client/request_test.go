package client_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core/client"
)

// TestRequest checks the requests of the first and later attempts.
func TestRequest(t *testing.T) {
	t.Parallel()
	fresh := 0
	tests := []struct {
		name string
		cfg  client.Config
		want string // format with the number of the attempt
	}{
		{"nothing set", client.Config{}, "GET a.example /events [] text/event-stream no-cache "},
		{"method", client.Config{Method: "REPORT"}, "REPORT a.example /events [] text/event-stream no-cache "},
		{"body", client.Config{Body: []byte("question")}, "POST a.example /events [8 question] text/event-stream no-cache "},
		{"empty body", client.Config{Body: []byte{}}, "POST a.example /events [] text/event-stream no-cache "},
		{"body and method", client.Config{Method: "PUT", Body: []byte("question")}, "PUT a.example /events [8 question] text/event-stream no-cache "},
		{"body of unknown size", client.Config{GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("question")), nil }}, "POST a.example /events [-1 question] text/event-stream no-cache "},
		{"header", client.Config{Header: http.Header{"accept": {"*/*"}, "X-A": {"b"}, "Host": {"b.example"}}}, "GET b.example /events [] */* no-cache b"}, //nolint:canonicalheader // As a program may write it.
		{"fragment", client.Config{URL: "http://a.example/x?y#z"}, "GET a.example /x?y [] text/event-stream no-cache "},
		{"no path", client.Config{URL: "http://a.example"}, "GET a.example / [] text/event-stream no-cache "},
		{"before every attempt", client.Config{BeforeRequest: func(r *http.Request) error {
			fresh++
			r.Header.Set("X-A", strconv.Itoa(fresh))
			r.URL.Path = "/other"
			return nil
		}}, "GET a.example /other [] text/event-stream no-cache %d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				number := 0
				check := func(h http.HandlerFunc) http.HandlerFunc {
					return func(w http.ResponseWriter, r *http.Request) {
						body, _ := io.ReadAll(r.Body)
						var sent []string
						if len(body) > 0 {
							sent = []string{strconv.FormatInt(r.ContentLength, 10), string(body)}
						}
						got := fmt.Sprintf("%s %s %s %v %s %s %s", r.Method, r.Host, r.URL, sent,
							r.Header.Get("Accept"), r.Header.Get("Cache-Control"), r.Header.Get("X-A"))
						number++
						want := tt.want
						if strings.Contains(want, "%d") {
							want = fmt.Sprintf(want, number)
						}
						equal(t, "request", got, want)
						h(w, r)
					}
				}
				c := open(t, tt.cfg, attempts(check(cut("id\n\n")), check(stream("id\n\n")), check(answer(http.StatusNoContent, ""))))
				if len(tt.cfg.Body) > 0 {
					tt.cfg.Body[0] = 'Q' // the client has its own
				}
				if err := c.Run(t.Context()); err != nil {
					t.Errorf("got error %v, want none", err)
				}
				equal(t, "requests", number, 3)
			})
		})
	}
}

// TestRequestErrors checks that a request that could not be built is attempted
// again.
func TestRequestErrors(t *testing.T) {
	t.Parallel()
	noToken := errors.New("no token")
	for name, cfg := range map[string]client.Config{
		"hook": {BeforeRequest: failOnce(noToken)},
		"body": {GetBody: func() func() (io.ReadCloser, error) {
			fail := failOnce(noToken)
			return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("x")), fail(nil) }
		}()},
	} {
		synctest.Test(t, func(t *testing.T) {
			var got error
			cfg.Handlers.Error = func(err error) error { got = err; return nil }
			if err := open(t, cfg, attempts()).Run(t.Context()); err != nil || !errors.Is(got, noToken) {
				t.Errorf("%s: got error %v, and %v told, want %v told", name, err, got, noToken)
			}
		})
	}
}

func failOnce(err error) func(*http.Request) error {
	return func(*http.Request) error {
		defer func() { err = nil }()
		return err
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]client.Config{
		"no URL":               {},
		"relative URL":         {URL: "/events"},
		"no URL at all":        {URL: "http://a b"},
		"other scheme":         {URL: "ftp://a.example"},
		"no host":              {URL: "http://:80/"},
		"two bodies":           {URL: "http://a.example", Body: []byte("x"), GetBody: func() (io.ReadCloser, error) { return http.NoBody, nil }},
		"method":               {URL: "http://a.example", Method: "GET x"},
		"CONNECT":              {URL: "http://a.example", Method: "CONNECT"},
		"header name":          {URL: "http://a.example", Header: http.Header{"a b": {"c"}}},
		"empty header name":    {URL: "http://a.example", Header: http.Header{"": {"c"}}},
		"header value":         {URL: "http://a.example", Header: http.Header{"A": {"b\r\nc"}}},
		"last event ID":        {URL: "http://a.example", LastEventID: "a\nb"},
		"last event ID, NUL":   {URL: "http://a.example", LastEventID: "a\x00b", LastEventIDParam: "id"},
		"last event ID, UTF-8": {URL: "http://a.example", LastEventID: "\xff"},
		"last event ID, other": {URL: "http://a.example", LastEventID: "a\x01b"},
		"last event ID, long":  {URL: "http://a.example", LastEventID: strings.Repeat("x", 8<<10+1)},
		"the same, parameter":  {URL: "http://a.example", LastEventID: strings.Repeat("x", 8<<10+1), LastEventIDParam: "id"},
	} {
		if c, err := client.New(cfg); err == nil || c != nil || !strings.HasPrefix(err.Error(), "tidings: client: ") {
			t.Errorf("%s: got %v and error %v, want an error", name, c, err)
		}
	}
	for name, cfg := range map[string]client.Config{
		"an ID for a parameter":         {LastEventID: "a\x01b", LastEventIDParam: "id"},
		"an ID as long as can be":       {LastEventID: strings.Repeat("x", 8<<10)},
		"an ID that begins with blanks": {LastEventID: " 1"},
	} {
		cfg.URL = "http://a.example"
		if _, err := client.New(cfg); err != nil {
			t.Errorf("%s: got error %v, want none", name, err)
		}
	}
}

// TestGzip checks that events of a compressed stream come as they are sent, and
// that closing does not wait for more.
func TestGzip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got log
		var c *client.Client
		c = open(t, client.Config{Handlers: client.Handlers{Event: func(ev client.Event) {
			if got.add("%s", show(ev)); ev.Data == "b" {
				go func() { _ = c.Close() }()
			}
		}}}, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Accept-Encoding"); got != "gzip" {
				t.Errorf("Accept-Encoding: got %q, want gzip", got)
			}
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for _, data := range []string{"a", "b"} {
				_, _ = fmt.Fprintf(z, "data: %s\n\n", data)
				_ = z.Flush()
				flush(w)
				synctest.Wait()
				if !strings.HasSuffix(got.String(), fmt.Sprintf("%q", data)) {
					t.Errorf("got %s, want %s at once", &got, data)
				}
			}
			<-r.Context().Done()
		})
		if err := c.Run(t.Context()); err != nil {
			t.Errorf("got error %v, want none", err)
		}
	})
}

// TestReuse checks that a stream which ended in order leaves its connection for
// the next one.
func TestReuse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		cfg   client.Config
		first http.HandlerFunc
		dials int
	}{
		{"in order", client.Config{}, stream("data: a\n\n"), 1},
		{"terminator", client.Config{Terminator: "[DONE]"}, stream("data: a\n\n", "data: [DONE]\n\n"), 1},
		{"terminator, and no end", client.Config{Terminator: "[DONE]"}, stall("data: a\n\n", "data: [DONE]\n\n"), 2},
		{"broken", client.Config{}, cut("data: a\n\n"), 2},
		{"no stream", client.Config{}, answer(http.StatusOK, "<html>", "Content-Type", "text/html"), 1},
		{"redirected", client.Config{}, answer(http.StatusFound, "", "Location", "/other"), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hc := serve(t, attempts(tt.first))
				dials := 0
				transportOf(hc).DialContext = counted(transportOf(hc).DialContext, &dials)
				tt.cfg.URL, tt.cfg.HTTPClient = "http://a.example", hc
				c := create(t, tt.cfg)
				for range 2 {
					var contentType *client.ContentTypeError
					if err := c.Run(t.Context()); err != nil && !errors.As(err, &contentType) {
						t.Errorf("got error %v, want none", err)
					}
				}
				equal(t, "connections", dials, tt.dials)
			})
		})
	}
}

// TestOneShot checks a stream that answers a question.
func TestOneShot(t *testing.T) {
	t.Parallel()
	const tokens = "data: {\"a\":1}\n\ndata: {\"a\":2}\n\n"
	for _, tt := range []struct {
		name       string
		terminator string
		handler    http.HandlerFunc
		reason     client.Reason // none for an end in order
		err        error         // the cause, or the reason of that end
	}{
		{"terminator", "[DONE]", stream(tokens + "data: [DONE]\n\ndata: later\n\n"), "", client.ErrDone},
		{"terminator, no end", "[DONE]", stall(tokens + "data: [DONE]\n\n"), "", client.ErrDone},
		{"no terminator", "[DONE]", stream(tokens), client.Broken, io.ErrUnexpectedEOF},
		{"terminator cut off", "[DONE]", stream(tokens + "data: [DONE]\n"), client.Broken, io.ErrUnexpectedEOF},
		{"no terminator wanted", "", stream(tokens), "", io.EOF},
		{"broken", "", cut(tokens), client.Broken, io.ErrUnexpectedEOF},
		{"broken before the terminator", "[DONE]", cut(tokens), client.Broken, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				var reason error
				cfg := client.Config{
					Body: []byte(`{"stream":true}`), OneShot: true, Terminator: tt.terminator,
					RetryStatus: client.TemporaryStatus, Handlers: client.Handlers{Close: func(err error) { reason = err }},
				}
				c := open(t, cfg, func(w http.ResponseWriter, r *http.Request) {
					requests++
					tt.handler(w, r)
				})
				got, err := collect(t, c)
				equal(t, "events", got, "message \"\" \"{\\\"a\\\":1}\"\nmessage \"\" \"{\\\"a\\\":2}\"")
				if tt.reason != "" {
					wantReason(t, err, tt.reason)
				} else if err != nil {
					t.Errorf("got error %v, want none", err)
				}
				if !errors.Is(reason, tt.err) {
					t.Errorf("reason: got %v, want %v", reason, tt.err)
				}
				equal(t, "requests", requests, 1)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		wantReason(t, open(t, client.Config{OneShot: true, RetryStatus: client.TemporaryStatus}, answer(503, "")).Run(t.Context()), client.Refused)
	})
}

// TestBodyFollowsRedirect checks that a redirect which keeps the method keeps
// the body.
func TestBodyFollowsRedirect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		question := bytes.Repeat([]byte("?"), 10_000)
		c := open(t, client.Config{Body: question, OneShot: true}, attempts(
			answer(http.StatusTemporaryRedirect, "", "Location", "/other"),
			func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				equal(t, "request", fmt.Sprint(r.Method, len(body)), "POST10000")
				stream()(w, r)
			}))
		if err := c.Run(t.Context()); err != nil {
			t.Errorf("got error %v, want none", err)
		}
	})
}
