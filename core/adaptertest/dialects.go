//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// texts must arrive as they are, in every format.
func texts() []string {
	return []string{
		"  leading spaces", "one\ntwo\n\nfour", "", " 12", "\ttab", "👩‍🚀 flies", "مرحبا עולם", `"quoted" \n`, "id: 7\n\n]", "{not JSON",
		"\u2028<script>\u0000",
	}
}

// formatted reads the items of a body as a client of its format does.
var formatted = map[string]func(io.Reader) ([]string, error){
	core.EventStream.String(): readEvents,
	core.JSONLines.String():   readLines,
	core.JSONArray.String():   readArray,
}

// testFormats reads the same handler in all formats: whole, with an error in the
// middle, and with a client that leaves.
func testFormats(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	gate := f.Gate(core.GateConfig{Dialects: []core.Dialect{{Format: core.JSONLines}, {Format: core.JSONArray}}})
	f.Get("/texts", gate.Handle(func(s *core.Sender) error {
		for _, text := range texts() {
			if err := s.Send(core.Event{Data: text}); err != nil {
				return err
			}
		}
		if s.Request().URL.RawQuery == "fail" {
			return errors.New("failed on purpose")
		}
		return nil
	}))
	f.Get("/endless", gate.Handle(func(s *core.Sender) error {
		if err := s.Send(core.Event{Data: "first"}); err != nil {
			return err
		}
		return wait(s)
	}))
	f.Start(t)
	for format, read := range formatted {
		c := f.Client(t)
		r := c.Open(t, "/texts", "Accept", format)
		if got := r.Header.Get("Content-Type"); got != format {
			t.Errorf("%s: got type %q", format, got)
		}
		if got := strings.Join(r.Header.Values("Vary"), ","); !strings.Contains(got, "Accept") {
			t.Errorf("%s: got Vary %q, want Accept in it", format, got)
		}
		if got, err := read(r.Body); err != nil || !slices.Equal(got, texts()) {
			t.Errorf("%s: got %q and %v, want %q", format, got, err, texts())
		}
		got, err := read(c.Open(t, "/texts?fail", "Accept", format).Body)
		if noticed := err != nil; noticed != (format == core.JSONArray.String()) || !slices.Equal(got, texts()) {
			t.Errorf("%s of a handler that fails: got %q and %v", format, got, err)
		}
		f.Closed(t)
		f.Closed(t)
		leaving := f.Client(t)
		one := leaving.Open(t, "/endless", "Accept", format)
		if line, err := bufio.NewReader(one.Body).ReadString('\n'); err != nil { // each item is flushed
			t.Errorf("%s: got %q and %v", format, line, err)
		}
		one.Cancel()
		leaving.Cut(false)
		if sum := f.Closed(t); !errors.Is(sum.Reason, core.ErrClientGone) {
			t.Errorf("%s: got reason %v, want %v", format, sum.Reason, core.ErrClientGone)
		}
	}
	if r := f.Client(t).Get(t, "/texts", "Accept", "text/html"); r.StatusCode != http.StatusNotAcceptable {
		t.Errorf("text/html: got %s, want 406", r.Status)
	}
	f.Empty(t)
}

// testLinesResume resumes a subscription in JSON Lines, after each of its lines.
func testLinesResume(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{})
	lines := core.Dialect{Format: core.JSONLines, Envelope: true}
	f.Get("/", f.Gate(core.GateConfig{Dialects: []core.Dialect{lines}}).Subscribe("news"))
	f.Start(t)
	last := ""
	next := 0
	for range 5 {
		if next > 0 { // while there is no stream
			f.Publish(t, "news", core.Event{Data: strconv.Itoa(next)})
		}
		c := f.Client(t)
		r := c.Open(t, "/?lastEventId="+last, "Accept", "application/x-ndjson")
		dec := json.NewDecoder(r.Body)
		item := func() (data *int) {
			var line struct {
				ID   string `json:"id"`
				Data *int   `json:"data"`
			}
			if err := dec.Decode(&line); err != nil {
				t.Fatalf("line: %v", err)
			}
			last = line.ID
			return line.Data
		}
		if next == 0 && item() != nil { // its position
			t.Fatal("got an event, want a position first")
		}
		if next == 0 {
			f.Publish(t, "news", core.Event{Data: "0"})
		}
		for data := item(); ; data = item() {
			if data == nil {
				continue
			}
			if *data != next {
				t.Fatalf("got %d, want %d", *data, next)
			}
			break
		}
		next++
		r.Cancel()
		c.Cut(true)
	}
	f.Empty(t)
}

func readEvents(r io.Reader) (all []string, err error) {
	for ev, err := range core.NewDecoder(r, core.DecoderConfig{}).All() {
		if err != nil {
			return all, err
		}
		all = append(all, ev.Data)
	}
	return all, nil
}

func readLines(r io.Reader) (all []string, err error) {
	dec := json.NewDecoder(r)
	for {
		var text string
		err := dec.Decode(&text)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, text)
	}
}

// readArray returns an error for an array that has no end.
func readArray(r io.Reader) (all []string, err error) {
	dec := json.NewDecoder(r)
	if _, err = dec.Token(); err != nil {
		return nil, err
	}
	for dec.More() {
		var text string
		if err = dec.Decode(&text); err != nil {
			return all, err
		}
		all = append(all, text)
	}
	_, err = dec.Token()
	return all, err
}
