package client_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"unsafe"

	"github.com/tidings-go/tidings/core/client"
)

// lender lends strings that change when they are taken back, as a server does
// that uses the memory of a request for the next one.
type lender struct{ lent [][]byte }

func (l *lender) lend(text string) string {
	b := []byte(text)
	l.lent = append(l.lent, b)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (l *lender) takeBack() {
	for _, b := range l.lent {
		for i := range b {
			b[i] = '!'
		}
	}
}

// TestLentConfig checks that a client keeps none of its config's text, but
// copies.
func TestLentConfig(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lender
		var got log
		all := attempts(cut("data: a\n\nid: 8\n\n"), stream("event: x\ndata: b\n\ndata: [DONE]\n\n"))
		c := open(t, client.Config{
			URL:              l.lend("http://user:secret@a.example/events?b=c"),
			Method:           l.lend("REPORT"),
			Header:           http.Header{l.lend("X-A"): {l.lend("b"), l.lend("c")}},
			Body:             []byte(l.lend("question")),
			LastEventID:      l.lend("7"),
			LastEventIDParam: l.lend("after"),
			Terminator:       l.lend("[DONE]"),
			Backoff:          client.Backoff{MaxAttempts: 3},
			Handlers: client.Handlers{
				Named: map[string]func(client.Event){l.lend("x"): func(ev client.Event) { got.add("x %s", show(ev)) }},
				Error: func(err error) error { got.add("%v", err); return nil },
			},
		}, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			user, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
			got.add("%s %s %s %s %s %s %s", r.Method, r.Host, r.URL, user, r.Header["X-A"], body, r.Header.Get("Last-Event-ID"))
			all(w, r)
		})
		l.takeBack()
		events, err := collect(t, c)
		if err != nil {
			t.Errorf("got error %v, want none", err)
		}
		equal(t, "run", got.String(), `REPORT a.example /events?b=c&after=7 user:secret [b c] question 7
tidings: REPORT http://a.example: unexpected EOF
REPORT a.example /events?b=c&after=8 user:secret [b c] question 8
x x "8" "b"`)
		equal(t, "events", events, "message \"7\" \"a\"\nx \"8\" \"b\"")
	})
	// A field that is new here has to be in the test above.
	equal(t, "fields with text", texts(reflect.TypeFor[client.Config](), ""),
		"URL Method Header Body LastEventID LastEventIDParam Terminator Handlers.Named")
}

// texts returns the names of a config's fields that hold text.
func texts(config reflect.Type, prefix string) string {
	var names []string
	for i := range config.NumField() {
		switch f := config.Field(i); f.Type.Kind() {
		case reflect.Struct:
			if nested := texts(f.Type, prefix+f.Name+"."); nested != "" {
				names = append(names, nested)
			}
		case reflect.String, reflect.Slice, reflect.Map, reflect.Interface, reflect.Array:
			names = append(names, prefix+f.Name)
		default: // numbers, functions, and the HTTP client, which is the program's
		}
	}
	return strings.Join(names, " ")
}

// TestLentName checks that Decode keeps a copy of the name.
func TestLentName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l lender
		var got []string
		values := client.Decode[quote](open(t, client.Config{OneShot: true}, stream(quotes)).Events(t.Context()), l.lend("quote"))
		l.takeBack()
		for q := range values {
			got = append(got, q.Stock)
		}
		equal(t, "values", fmt.Sprintf("%q", got), `["IBM" "" "SAP"]`)
	})
}
