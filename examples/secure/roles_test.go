package secure_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestRoles checks what each role gets, live and replayed.
func TestRoles(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		ann, bob := s.login("ann", annPassword), s.login("bob", bobPassword)
		order := s.open("/events/orders", "Cookie", ann).Next().ID
		only(t, s.open("/events/prices", "Cookie", ann), "price")
		only(t, s.open("/events/orders", "Cookie", ann, "Last-Event-Id", order), "order")
		only(t, s.open("/events/orders?lastEventId="+order, "Cookie", ann), "order")

		only(t, s.open("/events/prices", "Cookie", bob), "price")
		only(t, s.open("/events/prices", "Cookie", bob, "Last-Event-Id", order), "price")
		only(t, s.open(s.ticket(bob, "prices"), "Last-Event-Id", order), "price")
		for _, channel := range []string{"orders", "orders?lastEventId=" + order, "nothing", "*"} {
			s.refused(http.StatusForbidden, http.MethodGet, "/events/"+channel, "Cookie", bob)
		}
		s.refused(http.StatusForbidden, http.MethodGet, s.ticket(bob, "orders"))
		s.refused(http.StatusForbidden, http.MethodGet, s.ticket(bob, "orders"), "Last-Event-Id", order)
		s.refused(http.StatusUnauthorized, http.MethodGet, "/events/prices")
		s.refused(http.StatusUnauthorized, http.MethodGet, "/events/prices", "Cookie", "session=made-up")
	})
}

// TestTickets checks that a ticket opens one stream, and comes back only with the
// cookie that it was given then.
func TestTickets(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		ann, bob := s.login("ann", annPassword), s.login("bob", bobPassword)
		s.refused(http.StatusUnauthorized, http.MethodPost, "/tickets")
		s.refused(http.StatusUnauthorized, http.MethodGet, "/tickets/orders", "Cookie", ann)
		url := s.ticket(ann, "orders")
		stream := s.open(url)
		id := only(t, stream, "order")
		given, _, _ := strings.Cut(stream.Header.Get("Set-Cookie"), ";")
		_, value, _ := strings.Cut(given, "=")
		s.secrets = append(s.secrets, value)

		s.refused(http.StatusUnauthorized, http.MethodGet, url)
		s.refused(http.StatusUnauthorized, http.MethodGet, url, "Cookie", bob)
		s.refused(http.StatusUnauthorized, http.MethodGet, strings.Replace(url, "/tickets/", "/events/", 1))
		s.refused(http.StatusUnauthorized, http.MethodGet, url+"x", "Cookie", given)
		only(t, s.open(url, "Cookie", given, "Last-Event-Id", id), "order") // as a browser comes back

		s.refused(http.StatusOK, http.MethodPost, "/logout", "Cookie", ann)
		stream.End()
		s.refused(http.StatusUnauthorized, http.MethodGet, url, "Cookie", given)
	})
}

// TestRevoke checks that an admin ends a user's streams, and that the user gets
// nothing more until restored, replayed events included.
func TestRevoke(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		ann, bob, cleo := s.login("ann", annPassword), s.login("bob", bobPassword), s.login("cleo", cleoPassword)
		for _, cookie := range []string{ann, bob} {
			s.refused(http.StatusForbidden, http.MethodPost, "/revoke/bob", "Cookie", cookie)
			s.refused(http.StatusForbidden, http.MethodPost, "/restore/bob", "Cookie", cookie)
		}
		s.refused(http.StatusUnauthorized, http.MethodPost, "/revoke/ann")
		for _, name := range []string{"eve", "cleo"} {
			s.refused(http.StatusNotFound, http.MethodPost, "/revoke/"+name, "Cookie", cleo)
		}

		prices, others := s.open("/events/prices", "Cookie", ann), s.open("/events/prices", "Cookie", bob)
		url := s.ticket(ann, "orders")
		orders := s.open(url)
		given, _, _ := strings.Cut(orders.Header.Get("Set-Cookie"), ";")
		id := only(t, orders, "order")
		fresh := s.ticket(ann, "orders")
		got := sampletest.Ask(t, http.MethodPost, s.URL+"/revoke/ann", "Cookie", cleo)
		if got.Text != `{"ended":2}` {
			t.Errorf("revoke: got %s, %s, want 2 streams ended", got.Status, got.Text)
		}
		closed(t, prices, "revoked")
		closed(t, orders, "revoked")
		s.refused(http.StatusForbidden, http.MethodGet, "/events/prices", "Cookie", ann)
		s.refused(http.StatusForbidden, http.MethodGet, "/events/orders", "Cookie", ann, "Last-Event-Id", id)
		s.refused(http.StatusForbidden, http.MethodGet, url, "Cookie", given, "Last-Event-Id", id)
		s.refused(http.StatusForbidden, http.MethodGet, fresh)
		s.refused(http.StatusForbidden, http.MethodPost, "/tickets", "Cookie", ann)
		only(t, others, "price")

		s.refused(http.StatusOK, http.MethodPost, "/restore/ann", "Cookie", cleo)
		only(t, s.open("/events/orders", "Cookie", ann, "Last-Event-Id", id), "order")
	})
}
