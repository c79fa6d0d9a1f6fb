package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidings-go/tidings/core/client"
)

// TestHandlers checks which handlers are called, with what and in which order.
func TestHandlers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got log
		named := map[string]func(client.Event){
			"message": func(ev client.Event) { got.add("message %s", show(ev)) },
			"x":       func(ev client.Event) { got.add("x %s", show(ev)) },
		}
		c := open(t, client.Config{
			RetryStatus: client.TemporaryStatus,
			Backoff:     client.Backoff{Jitter: -1},
			Handlers: client.Handlers{
				Open:    func(h http.Header) { got.add("open %s", h.Get("X-Number")) },
				Named:   named,
				Event:   func(ev client.Event) { got.add("event %s", show(ev)) },
				Comment: func(text string) { got.add("comment %s", text) },
				Error:   func(err error) error { got.add("error %v", err); return nil },
				Reconnect: func(r client.Reconnect) {
					got.add("reconnect %d, %v, %q, %v", r.Attempt, r.Delay, r.LastEventID, r.Err)
				},
				Close: func(reason error) { got.add("close %v", reason) },
			},
		}, attempts(
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Number", "7")
				stream(": c\ndata: a\n: d\nid: 1\n\nevent: x\ndata: b\n\nevent: y\ndata: c\n\n")(w, r)
			},
			answer(http.StatusTooManyRequests, ""),
			cut(": e\nretry: 500\n\n"),
		))
		clear(named) // the client has its own
		for ev, err := range c.Events(t.Context()) {
			got.add("loop %s %v", show(ev), err)
		}
		want := `open 7
comment c
comment d
message message "1" "a"
event message "1" "a"
loop message "1" "a" <nil>
x x "1" "b"
event x "1" "b"
loop x "1" "b" <nil>
event y "1" "c"
loop y "1" "c" <nil>
error EOF
reconnect 2, 3s, "1", EOF
error tidings: status 429 Too Many Requests
reconnect 3, 6s, "1", tidings: status 429 Too Many Requests
open 
comment e
error tidings: GET http://a.example: unexpected EOF
reconnect 4, 2s, "1", tidings: GET http://a.example: unexpected EOF
close tidings: the server has no more content`
		if got.String() != want {
			t.Errorf("got\n%s\nwant\n%s", &got, want)
		}
	})
}

// TestContext checks that the end of the context is the end of the run, with
// its cause, whatever is going on.
func TestContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := open(t, client.Config{}, stall("data: a\n\n"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		events := 0
		var last error
		for _, err := range c.Events(ctx) {
			if last = err; err == nil {
				events++
			}
		}
		if events != 1 || !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("got %d events and error %v, want 1 and %v", events, last, context.DeadlineExceeded)
		}
		if err := c.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that has ended: got error %v, want %v", err, context.DeadlineExceeded)
		}
		waits, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		c = open(t, client.Config{}, cut("retry: 3600000\n\n"))
		if err := c.Run(waits); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while it waits: got error %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

type quote struct {
	Stock string  `json:"stock"`
	Value float64 `json:"value"`
}

const quotes = `event: quote
id: 1
data: {"stock":"IBM","value":1.5}

event: news
data: none

event: quote
id: 2
data: {"stock":7}

data: {"stock":"unnamed"}

event: quote
id: 3
data: {"stock":"SAP"}

`

// TestDecode checks that values are decoded by event name, and that one that
// cannot be decoded does not end the run.
func TestDecode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, want := range map[string]string{"quote": "IBM|!2|SAP|!", "": "unnamed|!", "other": "!"} {
			c := open(t, client.Config{}, attempts(stream(quotes), answer(http.StatusGone, "")))
			var got []string
			for q, err := range client.Decode[quote](c.Events(t.Context()), name) {
				var data *client.DataError
				switch {
				case err == nil:
					got = append(got, q.Stock)
				case errors.As(err, &data):
					got = append(got, "!"+data.Event.ID)
					if !strings.Contains(err.Error(), `"2"`) || errors.Unwrap(err) == nil || q != (quote{}) {
						t.Errorf("got %v and error %v, want no value and an error that names the event", q, err)
					}
				default:
					got = append(got, "!")
					wantReason(t, err, client.Refused)
				}
			}
			equal(t, name, strings.Join(got, "|"), want)
		}
		c := open(t, client.Config{}, stall(quotes))
		for range client.Decode[quote](c.Events(t.Context()), "quote") {
			break
		}
		equal(t, "last event ID", c.LastEventID(), "1")
	})
}

func TestTyped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got log
		c := open(t, client.Config{OneShot: true, Handlers: client.Handlers{Named: map[string]func(client.Event){
			"quote": client.Typed(func(ev client.Event, q quote, err error) {
				got.add("%s %v %t", ev.LastEventID, q, err != nil)
			}),
		}}}, stream(quotes))
		if err := c.Run(t.Context()); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		equal(t, "values", got.String(), "1 {IBM 1.5} false\n2 { 0} true\n3 {SAP 0} false")
	})
}
