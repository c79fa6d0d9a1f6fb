package secure_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestLimits checks the limits of streams by user and by address.
func TestLimits(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		ann, bob := s.login("ann", annPassword), s.login("bob", bobPassword)
		first := s.open("/events/prices", "Cookie", ann)
		s.open(s.ticket(ann, "orders"))
		s.refused(http.StatusTooManyRequests, http.MethodGet, "/events/prices", "Cookie", ann) // a limit of both gates
		s.refused(http.StatusTooManyRequests, http.MethodGet, s.ticket(ann, "prices"))
		s.open("/events/prices", "Cookie", bob)
		s.refused(http.StatusTooManyRequests, http.MethodGet, "/events/prices", "Cookie", bob) // one address
		s.refused(http.StatusTooManyRequests, http.MethodGet, "/events/prices")                // before the session is looked at
		if got := s.metrics(); !strings.Contains(got, `tidings_streams_refused_total{reason="rate_limited"} 4`) ||
			!strings.Contains(got, `tidings_channel_streams{channel="prices"} 2`) {
			t.Errorf("metrics: got %s, want 4 refused, and 2 streams of prices", got)
		}
		first.Cut()
	}, "-per-user", "2", "-per-address", "3")
}

// TestRate checks the limit of new streams.
func TestRate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		// Those that are refused for other reasons count, too.
		for n, status := 1, 0; status != http.StatusTooManyRequests; n++ {
			status = sampletest.Ask(t, http.MethodGet, s.URL+"/events/prices").StatusCode
			if n == 100 {
				t.Fatalf("request %d at once: got status %d, want 429", n, status)
			}
		}
	}, "-rate", "1")
}

// TestOperators checks who may see the metrics and the monitor, and that the
// program ends in time while one looks.
func TestOperators(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		ann, cleo := s.login("ann", annPassword), s.login("cleo", cleoPassword)
		for path, refusal := range map[string]int{
			"/metrics": http.StatusUnauthorized, "/monitor/": http.StatusForbidden, "/monitor/streams": http.StatusForbidden,
			"/monitor/feed": http.StatusForbidden,
		} {
			s.refused(refusal, http.MethodGet, path)
			s.refused(refusal, http.MethodGet, path, "Cookie", ann)
			s.refused(refusal, http.MethodGet, path, "Authorization", "Basic YW5uOnNlbGxzLXNlYXNoZWxscw==") // ann's
			if path != "/monitor/feed" {
				s.refused(http.StatusOK, http.MethodGet, path, "Cookie", cleo)
			}
		}
		only(t, s.open("/events/prices", "Cookie", ann), "price")
		if ev := s.open("/monitor/feed", "Cookie", cleo).Next(); ev.Name != "sample" {
			t.Errorf("monitor: got %+v, want a sample", ev)
		}
	})
}
