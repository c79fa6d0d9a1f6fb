package secure_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		for _, tt := range []struct{ user, password string }{
			{"ann", bobPassword}, {"ann", ""}, {"ann", annPassword + "x"}, {"", ""}, {"eve", ""}, {"Ann", annPassword},
		} {
			if got := s.tryLogin(tt.user, tt.password); got.StatusCode != http.StatusUnauthorized || len(got.Cookies()) > 0 {
				t.Errorf("login of %q: got %s, %v, want 401 and no cookie", tt.user, got.Status, got.Cookies())
			}
		}
		for _, body := range []string{"", "{", strings.Repeat("x", 5000)} {
			got := sampletest.AskWith(t, http.MethodPost, s.URL+"/login", body)
			if got.StatusCode != http.StatusBadRequest && got.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("login with %.5q: got %s, want 400 or 413", body, got.Status)
			}
		}
		me := func(cookie string) string {
			return strings.TrimSpace(sampletest.Ask(t, http.MethodGet, s.URL+"/me", "Cookie", cookie).Text)
		}
		if got := me("session=made-up"); got != "null" {
			t.Errorf("me, before: got %s, want null", got)
		}
		cookie, other := s.login("ann", annPassword), s.login("ann", annPassword)
		if got := me(cookie); got != `{"user":"ann","role":"trader","channels":["prices","orders"],"admin":false}` {
			t.Errorf("me: got %s, want ann", got)
		}
		stream := s.open("/events/orders", "Cookie", cookie)
		only(t, stream, "order")
		if got := sampletest.Ask(t, http.MethodPost, s.URL+"/logout", "Cookie", cookie); got.StatusCode != http.StatusOK {
			t.Errorf("logout: got %s, want 200", got.Status)
		}
		stream.End()
		if got := me(cookie); got != "null" {
			t.Errorf("me, after: got %s, want null", got)
		}
		s.refused(http.StatusUnauthorized, http.MethodGet, "/events/orders", "Cookie", cookie)
		s.refused(http.StatusUnauthorized, http.MethodPost, "/tickets", "Cookie", cookie)
		only(t, s.open("/events/orders", "Cookie", other), "order") // another session
	})
}

// TestExpiry checks that a stream ends with its session.
func TestExpiry(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		cookie := s.login("ann", annPassword)
		prices := s.open("/events/prices", "Cookie", cookie)
		orders := s.open(s.ticket(cookie, "orders"))
		closed(t, prices, "expired")
		closed(t, orders, "expired")
		s.refused(http.StatusUnauthorized, http.MethodGet, "/events/prices", "Cookie", cookie)
		s.refused(http.StatusUnauthorized, http.MethodPost, "/tickets", "Cookie", cookie)
	}, "-session", "3s")
}

// TestSecure checks the cookies of a server behind a proxy that ends TLS.
func TestSecure(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		cookie := s.login("ann", annPassword)
		orders := s.open(s.ticket(cookie, "orders"))
		set := orders.Header.Get("Set-Cookie")
		if !strings.HasPrefix(cookie, "__Host-") || !strings.HasPrefix(set, "__Secure-") || !strings.Contains(set, "; Secure") {
			t.Errorf("cookies: got %.12s and %.12s, want __Host- and __Secure-", cookie, set)
		}
	}, "-secure")
}

// TestOrigin checks that pages of other origins get nothing with their visitor's
// cookie.
func TestOrigin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		t.Helper()
		cookie := s.login("cleo", cleoPassword)
		for _, header := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
			header = append(header, "Cookie", cookie)
			s.refused(http.StatusForbidden, http.MethodGet, "/events/prices", header...)
			s.refused(http.StatusForbidden, http.MethodGet, s.ticket(cookie, "prices"), header...)
			for _, path := range []string{"/login", "/logout", "/tickets", "/revoke/ann", "/restore/ann"} {
				s.refused(http.StatusForbidden, http.MethodPost, path, header...)
			}
		}
		only(t, s.open("/events/prices", "Cookie", cookie, "Origin", s.URL), "price")
		got := sampletest.Ask(t, http.MethodGet, s.URL+"/").Header.Get("Content-Security-Policy")
		if !strings.Contains(got, "default-src 'self'") || !strings.Contains(got, "frame-ancestors 'none'") {
			t.Errorf("page: got the policy %q, want nothing of other origins", got)
		}
	})
}
