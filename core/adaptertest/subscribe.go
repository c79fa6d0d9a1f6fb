//nolint:thelper // These are tests: a failure is at a line of theirs.
package adaptertest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

func testSubscription(t *testing.T, e ssetest.Env) {
	const events = 100
	f := ssetest.New(t, e, core.HubConfig{})
	f.Get("/", f.Gate(core.GateConfig{}).Subscribe("news", "sport"))
	f.Start(t)
	one, two := f.Client(t).Open(t, "/"), f.Client(t).Open(t, "/")
	for _, r := range []*ssetest.Reply{one, two} {
		r.Prelude(t)
		if got := r.MustBlock(t); !strings.HasPrefix(got, "id: ") {
			t.Fatalf("third block: got %q, want the ID to resume after", got)
		}
	}
	for i := range events {
		channel := []string{"news", "sport", "other"}[i%3]
		f.Publish(t, channel, core.Event{Name: channel, Data: "line " + strconv.Itoa(i) + "\nmore"})
	}
	last := core.Position{}
	for i := range events {
		channel := []string{"news", "sport", "other"}[i%3]
		if channel == "other" {
			continue
		}
		got := one.MustBlock(t)
		if other := two.MustBlock(t); other != got {
			t.Fatalf("event %d: got %q on one stream and %q on the other, want the same", i, got, other)
		}
		head, id, _ := strings.Cut(got, "id: ")
		if want := fmt.Sprintf("event: %s\ndata: line %d\ndata: more\n", channel, i); head != want {
			t.Fatalf("event %d: got %q, want %q", i, head, want)
		}
		p, ok := core.ParsePosition(strings.TrimSpace(id))
		if !ok || p.Seq <= last.Seq || last.Epoch != 0 && p.Epoch != last.Epoch {
			t.Fatalf("ID of event %d: got %q after %v, want a position that follows", i, id, last)
		}
		last = p
	}
}
