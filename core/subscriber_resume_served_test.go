//nolint:thelper // These are tests: a failure is at a line of theirs.
package core_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// servedGaps resumes after IDs of which it is not known what follows.
func servedGaps(t *testing.T, e ssetest.Env) {
	f := ssetest.New(t, e, core.HubConfig{Store: core.NewMemoryStore(core.Retention{Events: 5})})
	f.Get("/live", f.Gate(core.GateConfig{}).Subscribe("news"))
	f.Get("/earliest", f.Gate(core.GateConfig{Start: core.Earliest()}).Subscribe("news"))
	f.Start(t)
	var ids []string
	for i := range 20 {
		ids = append(ids, f.Publish(t, "news", core.Event{Data: strconv.Itoa(i)})...)
	}
	c := f.Client(t)
	newest, _ := core.ParsePosition(ids[19])
	future := core.Position{Epoch: newest.Epoch, Seq: newest.Seq + 1000}
	for _, tt := range []struct{ id, reason string }{
		{"no such ID", "unknown"},
		{future.String(), "unknown"},
		{core.Position{Epoch: newest.Epoch ^ 2, Seq: 3}.String(), "restarted"},
		{ids[1], "trimmed"},
	} {
		for _, path := range []string{"/live", "/earliest"} {
			r := c.Open(t, path, "Last-Event-ID", tt.id)
			reset := r.Event(t)
			var data struct {
				Reason string `json:"reason"`
				Oldest string `json:"oldest"`
				Newest string `json:"newest"`
			}
			if err := json.Unmarshal([]byte(reset.Data), &data); err != nil || reset.Name != core.ResetEvent {
				t.Errorf("%s after %q: got %+v and %v, want a reset", path, tt.id, reset, err)
				continue
			}
			if data.Reason != tt.reason || data.Oldest != ids[15] || data.Newest != ids[19] {
				t.Errorf("%s after %q, reset: got %+v, want %s, %s to %s", path, tt.id, data, tt.reason, ids[15], ids[19])
			}
			if path == "/earliest" {
				for i := 15; i < 20; i++ {
					r.WantData(t, strconv.Itoa(i))
				}
			} else if reset.ID != ids[19] {
				t.Errorf("%s after %q, reset's ID: got %q, want %q", path, tt.id, reset.ID, ids[19])
			}
			r.Cancel()
		}
	}
	r := c.Open(t, "/live", "Last-Event-ID", "no such ID")
	r.Event(t)
	f.Publish(t, "news", core.Event{Data: "new"})
	r.WantData(t, "new")
	// After the oldest event that is kept, there is no gap.
	c.Open(t, "/live", "Last-Event-ID", ids[15]).WantData(t, "16")
}
