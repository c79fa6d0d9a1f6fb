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

// TestRate checks the limit of new streams, and who may see the metrics.
func TestRate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		ann := s.login("ann", annPassword)
		// Those that are refused for other reasons count, too.
		for n, status := 1, 0; status != http.StatusTooManyRequests; n++ {
			status = sampletest.Ask(t, http.MethodGet, s.URL+"/events/prices").StatusCode
			if n == 100 {
				t.Fatalf("request %d at once: got status %d, want 429", n, status)
			}
		}

		s.refused(http.StatusUnauthorized, http.MethodGet, "/metrics")
		s.refused(http.StatusUnauthorized, http.MethodGet, "/metrics", "Cookie", ann)
		s.refused(http.StatusUnauthorized, http.MethodGet, "/metrics", "Authorization", "Basic YW5uOnNlbGxzLXNlYXNoZWxscw==")
		s.refused(http.StatusOK, http.MethodGet, "/metrics", "Cookie", s.login("cleo", cleoPassword))
	}, "-rate", "1")
}
