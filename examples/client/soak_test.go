package main_test

import (
	"flag"
	"net/http"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

var soak = flag.Duration("soak", 2*time.Second, "how long TestSoak reads, 1m for the long one")

// TestSoak reads from both samples, a thousand events a second, through a proxy
// that cuts connections at random: no event is missed, and none comes twice.
func TestSoak(t *testing.T) {
	t.Parallel()
	for _, framework := range []string{"gin", "fiber"} {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			stocks := sampletest.Start(t, framework, "-min", "1ms", "-max", "1ms", "-history", "100000")
			p := sampletest.StartCuttingProxy(t, stocks.URL, 20_000) // up to 200 events
			transport := &http.Transport{}
			t.Cleanup(transport.CloseIdleConnections)
			errs := 0
			c, err := client.New(client.Config{
				URL: p.URL + "/stocks", HTTPClient: &http.Client{Transport: transport},
				IdleTimeout: 5 * time.Second,
				Backoff:     client.Backoff{MaxDelay: 10 * time.Millisecond}, // the server asks for three seconds
				Handlers: client.Handlers{
					Named: map[string]func(client.Event){core.ResetEvent: func(ev client.Event) { t.Errorf("got a reset, %s, want no gap", ev.Data) }},
					Error: func(error) error { errs++; return nil },
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			var first, last uint64
			events := 0
			for ev, err := range c.Events(t.Context()) {
				if err != nil {
					t.Fatalf("after %d events: got error %v, want more", events, err)
				}
				at, ok := core.ParsePosition(ev.ID)
				if !ok || events > 0 && at.Seq != last+1 {
					t.Fatalf("event %d: got ID %q, want the one after %d", events, ev.ID, last)
				}
				if events++; events == 1 {
					first = at.Seq
				}
				last = at.Seq
				if time.Since(begin) > *soak {
					break
				}
			}
			t.Logf("%d events, %d to %d, on %d connections, in %v", events, first, last, errs+1, time.Since(begin).Round(time.Millisecond))
			if least := int(*soak / (10 * time.Millisecond)); events < least || errs < 3 {
				t.Errorf("got %d events and %d cuts, want %d and 3 at least", events, errs, least)
			}
		})
	}
}
