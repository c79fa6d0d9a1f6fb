package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core/client"
)

// lastEventID returns the last event ID of a request.
func lastEventID(r *http.Request) string {
	id := r.Header.Get("Last-Event-ID") // never set without the parameter
	if r.URL.Query().Has("id") {
		id = r.URL.Query().Get("id")
	}
	return id
}

// TestUnsendableID checks that an ID that servers refuse for its size does not
// lock a client out: the client drops it and reports that.
func TestUnsendableID(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]client.Config{"header": {}, "parameter": {LastEventIDParam: "id"}} {
		for _, size := range []int{900_000, 2 << 20} { // the server's own limit is 1 MiB
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					cfg, huge := kind, strings.Repeat("x", size)
					var told []client.Reconnect
					cfg.Handlers.Reconnect = func(r client.Reconnect) { told = append(told, r) }
					cfg.RetryStatus = client.TemporaryStatus
					cfg.Backoff.MaxAttempts = 4
					var requests log
					all := attempts(
						stream("id: "+huge+"\ndata: a\n\n"),
						stream("data: b\n\nid: 3\ndata: c\n\n"),
					)
					c := open(t, cfg, func(w http.ResponseWriter, r *http.Request) {
						requests.add("%.20q", lastEventID(r))
						all(w, r)
					})
					var events log
					for ev, err := range c.Events(t.Context()) {
						if err != nil {
							t.Fatalf("got error %v, want none", err)
						}
						events.add("%s %d", ev.Data, len(ev.LastEventID))
						if ev.LastEventID == huge {
							equal(t, "ID to resume after", c.LastEventID(), "")
						}
					}
					equal(t, "requests", requests.String(), "\"\"\n\"\"\n\"3\"")
					equal(t, "events", events.String(), fmt.Sprintf("a %d\nb 0\nc 1", size))
					if len(told) != 2 || told[0].Dropped != huge || told[0].LastEventID != "" || told[1].Dropped != "" || told[1].LastEventID != "3" {
						t.Errorf("reconnects: got %d, want two, of which the first drops the ID and the second has another", len(told))
					}
				})
			})
		}
	}
}

// TestRefusedID checks what a client does if the server may refuse its request
// because of the last event ID.
func TestRefusedID(t *testing.T) {
	t.Parallel()
	veto := func(err error) error {
		if status := (*client.StatusError)(nil); errors.As(err, &status) {
			return err
		}
		return nil
	}
	always := func(int) bool { return true }
	for _, tt := range []struct {
		name   string
		status int
		cfg    client.Config
		all    bool          // requests without an ID are refused, too
		reason client.Reason // none for an end in order
		want   string        // the IDs of the requests, and the handler's calls
		lastID string
	}{
		{"400", 400, client.Config{}, false, "", "asked \"\"\ntold \"1\" \"\"\nasked \"1\"\ntold \"\" \"1\"\nasked \"\"", ""},
		{"414", 414, client.Config{LastEventIDParam: "id"}, false, "", "asked \"\"\ntold \"1\" \"\"\nasked \"1\"\ntold \"\" \"1\"\nasked \"\"", ""},
		{"431", 431, client.Config{RetryStatus: client.TemporaryStatus}, false, "", "asked \"\"\ntold \"1\" \"\"\nasked \"1\"\ntold \"\" \"1\"\nasked \"\"", ""},
		{"431, that may be temporary", 431, client.Config{RetryStatus: always, Backoff: client.Backoff{MaxAttempts: 9}}, false, "", "asked \"\"\ntold \"1\" \"\"\nasked \"1\"\ntold \"\" \"1\"\nasked \"\"", ""},
		{"400, also without", 400, client.Config{}, true, client.Refused, "asked \"\"\ntold \"1\" \"\"\nasked \"1\"\ntold \"\" \"1\"\nasked \"\"", ""},
		{"431, also without, that may be temporary", 431, client.Config{RetryStatus: always, Backoff: client.Backoff{MaxAttempts: 4}}, true, client.OutOfAttempts, "asked \"\"\ntold \"1\" \"\"\nasked \"1\"\ntold \"\" \"1\"\nasked \"\"\ntold \"\" \"\"\nasked \"\"", ""},
		{"400, and no more attempts", 400, client.Config{Backoff: client.Backoff{MaxAttempts: 2}}, false, client.OutOfAttempts, "asked \"\"\ntold \"1\" \"\"\nasked \"1\"", "1"},
		{"400, vetoed", 400, client.Config{Handlers: client.Handlers{Error: veto}}, false, client.Vetoed, "asked \"\"\ntold \"1\" \"\"\nasked \"1\"", "1"},
		{"404", 404, client.Config{}, false, client.Refused, "asked \"\"\ntold \"1\" \"\"\nasked \"1\"", "1"},
		{"the program's own", 400, client.Config{LastEventID: "0"}, false, "", "asked \"0\"\ntold \"\" \"0\"\nasked \"\"\ntold \"1\" \"\"\nasked \"1\"\ntold \"\" \"1\"\nasked \"\"", ""},
		{"one shot", 400, client.Config{LastEventID: "0", OneShot: true}, false, client.Refused, "asked \"0\"", "0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got log
				first := true
				tt.cfg.Handlers.Reconnect = func(r client.Reconnect) { got.add("told %q %q", r.LastEventID, r.Dropped) }
				c := open(t, tt.cfg, func(w http.ResponseWriter, r *http.Request) {
					got.add("asked %q", lastEventID(r))
					switch id := lastEventID(r); {
					case id != "", tt.all && !first:
						w.WriteHeader(tt.status)
					case first:
						first = false
						stream("id: 1\ndata: a\n\n")(w, r)
					default:
						w.WriteHeader(http.StatusNoContent)
					}
				})
				err := c.Run(t.Context())
				if tt.reason != "" {
					wantReason(t, err, tt.reason)
				} else if err != nil {
					t.Errorf("got error %v, want none", err)
				}
				equal(t, "run", got.String(), tt.want)
				equal(t, "last event ID, afterwards", c.LastEventID(), tt.lastID)
			})
		})
	}
}

// TestUnsendableIDBetweenRuns checks that an ID which cannot be sent is dropped
// also where a run has ended with it.
func TestUnsendableIDBetweenRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var got log
		all := attempts(stream("id: 1\x01\ndata: a\n\n"), stream("data: b\n\n"))
		c := open(t, client.Config{}, func(w http.ResponseWriter, r *http.Request) {
			got.add("asked %q", lastEventID(r))
			all(w, r)
		})
		for range 2 {
			for ev, err := range c.Events(t.Context()) {
				if err != nil {
					t.Fatalf("got error %v, want none", err)
				}
				got.add("%q %q", ev.LastEventID, c.LastEventID())
				break
			}
		}
		equal(t, "runs", got.String(), "asked \"\"\n\"1\\x01\" \"\"\nasked \"\"\n\"\" \"\"")
	})
}
