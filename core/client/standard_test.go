package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
)

// TestStandard checks what section 9.2.6 says of a stream, as a browser's
// EventSource shows it.
func TestStandard(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		parts  []string
		want   string
		lastID string
	}{
		{"nothing", nil, "", ""},
		{"example of two events", []string{"data: YHOO\ndata: +2\ndata: 10\n\n"}, `message "" "YHOO\n+2\n10"`, ""},
		{"example of comment and ids", []string{": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"}, "message \"1\" \"first event\"\nmessage \"\" \"second event\"\nmessage \"\" \" third event\"", ""},
		{"example of empty data", []string{"data\n\ndata\ndata\n\ndata:"}, "message \"\" \"\"\nmessage \"\" \"\\n\"", ""},
		{"example of spaces", []string{"data:test\n\ndata: test\n\n"}, "message \"\" \"test\"\nmessage \"\" \"test\"", ""},
		{"names", []string{"event: add\ndata: 1\n\nevent: remove\ndata: 2\n\nevent:\ndata: 3\n\n"}, "add \"\" \"1\"\nremove \"\" \"2\"\nmessage \"\" \"3\"", ""},
		{"BOM", []string{"\ufeffdata: 1\n\n"}, `message "" "1"`, ""},
		{"BOM twice", []string{"\ufeff\ufeffdata: 1\n\ndata: 2\n\n"}, `message "" "2"`, ""},
		{"BOM split", []string{"\xef", "\xbb", "\xbfdata: 1\n\n"}, `message "" "1"`, ""},
		{"BOM later", []string{"data: 1\n\n\ufeffdata: 2\n\ndata: 3\n\n"}, "message \"\" \"1\"\nmessage \"\" \"3\"", ""},
		{"CR only", []string{"data: 1\rid: a\r\rdata: 2\r\r"}, "message \"a\" \"1\"\nmessage \"a\" \"2\"", "a"},
		{"CRLF split", []string{"data: 1\r", "\ndata: 2\r", "\n\r", "\n"}, `message "" "1\n2"`, ""},
		{"line ends mixed", []string{"data:1\r\ndata:2\rdata:3\n\r\ndata:4\n\n"}, "message \"\" \"1\\n2\\n3\"\nmessage \"\" \"4\"", ""},
		{"UTF-8 split", []string{"data: \xf0\x9f", "\x9c\x81\n\n"}, `message "" "🜁"`, ""},
		{"not UTF-8", []string{"data: \xff\n\n"}, `message "" "�"`, ""},
		{"id sticks", []string{"id: 1\ndata: a\n\ndata: b\n\n"}, "message \"1\" \"a\"\nmessage \"1\" \"b\"", "1"},
		{"id without data", []string{"id: 1\n\ndata: b\n\n"}, `message "1" "b"`, "1"},
		{"id without data, at the end", []string{"id: 1\n\n"}, "", "1"},
		{"empty id resets", []string{"id: 1\ndata: a\n\nid:\ndata: b\n\n"}, "message \"1\" \"a\"\nmessage \"\" \"b\"", ""},
		{"id with NUL", []string{"id: 1\ndata: a\n\nid: 2\x003\ndata: b\n\n"}, "message \"1\" \"a\"\nmessage \"1\" \"b\"", "1"},
		{"no blank line", []string{"id: 1\ndata: a\n\nid: 2\ndata: b\n"}, `message "1" "a"`, "1"},
		{"name without data", []string{"event: x\n\ndata: a\n\n"}, `message "" "a"`, ""},
		{"unknown fields", []string{"foo: 1\nDATA: 2\ndata : 3\ndata: 4\n\n"}, `message "" "4"`, ""},
		{"NUL in data", []string{"data: \x00\n\n"}, `message "" "\x00"`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := open(t, client.Config{OneShot: true}, stream(tt.parts...))
				got, err := collect(t, c)
				if got != tt.want || err != nil {
					t.Errorf("got\n%s\n%v, want\n%s", got, err, tt.want)
				}
				equal(t, "last event ID", c.LastEventID(), tt.lastID)
			})
		})
	}
}

// TestLastEventID checks what a client sends when it comes back.
func TestLastEventID(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 9<<10)
	tests := []struct {
		name          string
		cfg           client.Config
		first         string
		header, query string // the second request's
	}{
		{"none", client.Config{}, "data: a\n\n", "", ""},
		{"one", client.Config{}, "id: 1\ndata: a\n\n", "1", ""},
		{"one that stuck", client.Config{}, "id: 1\ndata: a\n\ndata: b\n\n", "1", ""},
		{"one of an incomplete event", client.Config{}, "id: 1\ndata: a\n\nid: 2\ndata: b\n", "1", ""},
		{"one without an event", client.Config{}, "id: 1\n\n", "1", ""},
		{"reset", client.Config{}, "id: 1\ndata: a\n\nid\ndata: b\n\n", "", ""},
		{"not ASCII", client.Config{}, "id: größe\ndata: a\n\n", "größe", ""},
		{"initial", client.Config{LastEventID: "0"}, "data: a\n\n", "0", ""},
		{"initial and new", client.Config{LastEventID: "0"}, "id: 1\n\n", "1", ""},
		{"initial, reset", client.Config{LastEventID: "0"}, "id\n\n", "", ""},
		{"initial, in vain", client.Config{LastEventID: "0"}, "id: 1\x00\ndata: a\n\n", "0", ""},
		{"parameter", client.Config{LastEventIDParam: "last id"}, "id: 1&2=3\n\n", "1&2=3", "last+id=1%262%3D3"},
		{"parameter among others", client.Config{URL: "http://a.example/?b=%zz;&after=7&a=1", LastEventIDParam: "after"}, "id: 8\n\n", "8", "b=%zz;&a=1&after=8"},
		{"control character", client.Config{}, "id: 1\x01\n\n", "", ""},
		{"DEL", client.Config{}, "id: 1\x7f\n\n", "", ""},
		{"blanks at the ends", client.Config{}, "id:  1\t\n\n", "1", ""}, // as a browser's fetch has it
		{"blanks only", client.Config{}, "id:   \n\n", "", ""},
		{"blanks only, parameter", client.Config{LastEventIDParam: "id"}, "id:   \n\n", "", "id=++"},
		{"far too long, parameter", client.Config{LastEventIDParam: "id"}, "id: " + long + "\n\n", "", ""},
		{"long, parameter", client.Config{LastEventIDParam: "id"}, "id: " + long[:8<<10] + "\n\n", long[:8<<10], "id=" + long[:8<<10]},
		{"far too long when escaped", client.Config{LastEventIDParam: "id"}, "id: " + strings.Repeat("é", 2000) + "\n\n", "", ""},
		{"control character, parameter", client.Config{LastEventIDParam: "id"}, "id: 1\x01\n\n", "", "id=1%01"},
		{"tab", client.Config{}, "id: a\tb\n\n", "a\tb", ""},
		{"far too long", client.Config{}, "id: " + long + "\n\n", "", ""},
		{"long", client.Config{}, "id: " + long[:8<<10] + "\n\n", long[:8<<10], ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := open(t, tt.cfg, attempts(cut(tt.first), func(w http.ResponseWriter, r *http.Request) {
					got, set := r.Header["Last-Event-Id"]
					if strings.Join(got, "|") != tt.header || set != (tt.header != "") {
						t.Errorf("Last-Event-ID: got %q, want %q", got, tt.header)
					}
					equal(t, "query", r.URL.RawQuery, tt.query)
					w.WriteHeader(http.StatusNoContent)
				}))
				if _, err := collect(t, c); err != nil {
					t.Errorf("got error %v, want none", err)
				}
			})
		})
	}
}

// TestLastEventIDAtOnce checks that an ID counts as soon as it is read, also
// without an event, and where the run ends before the stream does.
func TestLastEventIDAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, client.Config{}, stall("id: 1\n\nid: 2\ndata: a\n"))
		ended := make(chan error)
		go func() { ended <- c.Run(t.Context()) }()
		synctest.Wait()
		equal(t, "last event ID", c.LastEventID(), "1")
		_ = c.Close()
		if err := <-ended; err != nil {
			t.Errorf("got error %v, want none", err)
		}
		equal(t, "last event ID, afterwards", c.LastEventID(), "1")
	})
}

// TestRetryField checks which reconnection time applies.
func TestRetryField(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		streams []string
		want    []time.Duration // before the second request, and the third
	}{
		{"none", []string{"data: a\n\n"}, []time.Duration{3 * time.Second}},
		{"set", []string{"retry: 700\n\n"}, []time.Duration{700 * time.Millisecond}},
		{"set in a block that was cut off", []string{"retry: 700\ndata"}, []time.Duration{700 * time.Millisecond}},
		{"remembered", []string{"retry: 700\n\n", "data: a\n\n"}, []time.Duration{700 * time.Millisecond, 700 * time.Millisecond}},
		{"set anew", []string{"retry: 700\n\n", "retry: 900\n\n"}, []time.Duration{700 * time.Millisecond, 900 * time.Millisecond}},
		{"0", []string{"retry: 0\n\n"}, []time.Duration{500 * time.Millisecond}},
		{"less than a server can ask for", []string{"retry: 499\n\n", "retry: 500\n\n", "retry: 501\n\n"}, []time.Duration{500 * time.Millisecond, 500 * time.Millisecond, 501 * time.Millisecond}},
		{"more than a server can ask for", []string{"retry: 3600001\n\n"}, []time.Duration{time.Hour}},
		{"more than there is", []string{"retry: 99999999999999999999999999\n\n", "retry: 18446744073709551616\n\n"}, []time.Duration{time.Hour, time.Hour}},
		{"no digits", []string{"retry: 7x\nretry: -7\nretry: 1.5\nretry: 1e3\nretry\nretry:  7\n\n"}, []time.Duration{3 * time.Second}},
		{"no digits, after some", []string{"retry: 700\nretry: x\n\n"}, []time.Duration{700 * time.Millisecond}},
		{"long", []string{"retry: 3600000\n\n"}, []time.Duration{time.Hour}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var handlers []http.HandlerFunc
				for _, s := range tt.streams {
					handlers = append(handlers, stream(s))
				}
				var began []time.Time
				all := attempts(handlers...)
				b := client.Backoff{Jitter: -1, Healthy: -1}
				c := open(t, client.Config{Backoff: b}, func(w http.ResponseWriter, r *http.Request) {
					began = append(began, time.Now())
					all(w, r)
				})
				if _, err := collect(t, c); err != nil {
					t.Errorf("got error %v, want none", err)
				}
				equal(t, "attempts", len(began), len(tt.want)+1)
				for i, want := range tt.want {
					equal(t, "delay", began[i+1].Sub(began[i]), want)
				}
			})
		})
	}
}

// TestLongLinesIgnored checks that neither comments nor fields of other names
// end a run, however long they are.
func TestLongLinesIgnored(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		cfg             client.Config
		begin, comments string
	}{
		{"field of another name", client.Config{}, "x", ""},
		{"id with a NUL", client.Config{}, "id: 1\x00", ""},
		{"retry that is no number", client.Config{}, "retry: x", ""},
		{"comment without a handler", client.Config{}, ":", ""},
		{"comment, over the limit", client.Config{MaxLine: 1 << 20, Handlers: client.Handlers{Comment: func(string) {}}}, ":", "short"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var comments log
				if tt.cfg.Handlers.Comment != nil {
					tt.cfg.Handlers.Comment = func(text string) { comments.add("%s", text) }
				}
				tt.cfg.OneShot = true
				long := tt.begin + strings.Repeat("x", 17<<20)
				c := open(t, tt.cfg, stream("data: a\n", long, long, "\n: short\ndata: b\n\n"))
				got, err := collect(t, c)
				equal(t, "events", got, `message "" "a\nb"`)
				equal(t, "comments", comments.String(), tt.comments)
				if err != nil {
					t.Errorf("got error %v, want none", err)
				}
			})
		})
	}
}

// TestLimits checks that a line or an event that is too long is an error, and
// is not buffered.
func TestLimits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cfg  client.Config
		send func(http.ResponseWriter)
		want core.SizeError
	}{
		{"100 MB in one line", client.Config{}, func(w http.ResponseWriter) {
			_, _ = w.Write([]byte("data: "))
			part := []byte(strings.Repeat("x", 100_000))
			for range 1000 {
				if _, err := w.Write(part); err != nil {
					return // as soon as the client has had enough
				}
			}
			t.Error("got 100 MB taken, want the connection closed")
		}, core.SizeError{What: "line", Limit: 16<<20 + 6}},
		{"an event of many lines", client.Config{MaxEvent: 100}, func(w http.ResponseWriter) {
			_, _ = w.Write([]byte(strings.Repeat("data: 123456789\n", 20)))
		}, core.SizeError{What: "event", Limit: 100}},
		{"a line, small limit", client.Config{MaxLine: 10}, func(w http.ResponseWriter) {
			_, _ = w.Write([]byte("data: 123456789\n"))
		}, core.SizeError{What: "line", Limit: 10}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := open(t, tt.cfg, func(w http.ResponseWriter, r *http.Request) {
					stream("id: 1\ndata: a\n\n")(w, r)
					tt.send(w)
				})
				got, err := collect(t, c)
				equal(t, "events", got, `message "1" "a"`)
				wantReason(t, err, client.TooLarge)
				var size *core.SizeError
				if !errors.As(err, &size) || *size != tt.want {
					t.Errorf("got error %v, want %v", err, &tt.want)
				}
			})
		})
	}
}
