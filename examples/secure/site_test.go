package secure_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

func TestMain(m *testing.M) { sampletest.Main(m) }

// Passwords of the demo's users.
const annPassword, bobPassword, cleoPassword = "sells-seashells", "only-watches", "keeps-the-keys"

// site is a running program, with the secrets that its clients have used.
type site struct {
	*sampletest.Program

	t       *testing.T
	secrets []string
}

// start starts a program whose prices come fast, and which new streams cannot
// exhaust.
func start(t *testing.T, framework string, args ...string) *site {
	t.Helper()
	p := sampletest.Start(t, framework, append([]string{"-every", "5ms", "-rate", "1000"}, args...)...)
	return &site{Program: p, t: t, secrets: []string{annPassword, bobPassword, cleoPassword}}
}

// each runs a test for both programs.
func each(t *testing.T, test func(t *testing.T, s *site), args ...string) {
	t.Helper()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			s := start(t, framework, args...)
			test(t, s)
			s.end()
		})
	}
}

// end ends the program, and looks for secrets in what it has printed, and in its
// metrics.
func (s *site) end() {
	s.t.Helper()
	got := s.metrics()
	s.Interrupt()
	for _, secret := range s.secrets {
		if strings.Contains(got+s.Out.String(), secret) {
			s.t.Errorf("metrics and log: got %.8s… in them, want no secret", secret)
		}
	}
	if !strings.Contains(s.Out.String(), "msg=") {
		s.t.Error("log: got none, want lines")
	}
}

// metrics returns the metrics, which take an admin.
func (s *site) metrics() string {
	s.t.Helper()
	r := sampletest.Request(s.t.Context(), s.t, http.MethodGet, s.URL+"/metrics")
	r.SetBasicAuth("cleo", cleoPassword)
	got := sampletest.Ask(s.t, http.MethodGet, s.URL+"/metrics", "Authorization", r.Header.Get("Authorization"))
	if got.StatusCode != http.StatusOK {
		s.t.Fatalf("metrics: got %s, want them", got.Status)
	}
	return got.Text
}

// login logs a user in, and returns the session's cookie.
func (s *site) login(user, password string) (cookie string) {
	s.t.Helper()
	got := s.tryLogin(user, password)
	if got.StatusCode != http.StatusOK || len(got.Cookies()) != 1 {
		s.t.Fatalf("login of %s: got %s, %v, want a cookie", user, got.Status, got.Cookies())
	}
	c := got.Cookies()[0]
	s.secrets = append(s.secrets, c.Value)
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge <= 0 {
		s.t.Errorf("cookie: got %v, want one that ends, for this site and no script", c)
	}
	return c.Name + "=" + c.Value
}

func (s *site) tryLogin(user, password string) sampletest.Answer {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"user": user, "password": password})
	if err != nil {
		s.t.Fatal(err)
	}
	return sampletest.AskWith(s.t, http.MethodPost, s.URL+"/login", string(body))
}

// ticket returns the path and query of a stream of a channel, with a new ticket.
func (s *site) ticket(cookie, channel string) string {
	s.t.Helper()
	got := sampletest.Ask(s.t, http.MethodPost, s.URL+"/tickets", "Cookie", cookie)
	var answer struct {
		Ticket string `json:"ticket"`
	}
	if err := json.Unmarshal([]byte(got.Text), &answer); err != nil || answer.Ticket == "" {
		s.t.Fatalf("ticket: got %s, %s, want one", got.Status, got.Text)
	}
	s.secrets = append(s.secrets, answer.Ticket)
	return "/tickets/" + channel + "?ticket=" + answer.Ticket
}

// open opens a stream.
func (s *site) open(path string, header ...string) *sampletest.Stream {
	s.t.Helper()
	return sampletest.Open(s.t, s.URL+path, header...)
}

// refused checks that a request is refused.
func (s *site) refused(want int, method, path string, header ...string) {
	s.t.Helper()
	if got := sampletest.Ask(s.t, method, s.URL+path, header...); got.StatusCode != want {
		path, _, _ = strings.Cut(path, "?")
		s.t.Errorf("%s %s: got %s, want %d", method, path, got.Status, want)
	}
}

// only checks that the next events are of one name, and returns the last ID.
func only(t *testing.T, s *sampletest.Stream, name string) (id string) {
	t.Helper()
	for _, ev := range s.Take(12) {
		if ev.Name != name {
			t.Errorf("got an event %q, want %q only", ev.Name, name)
		}
		id = ev.ID
	}
	return id
}

// closed checks that a stream ends with an event that says why.
func closed(t *testing.T, s *sampletest.Stream, reason string) {
	t.Helper()
	ev := s.Next()
	for ev.Name == "price" || ev.Name == "order" {
		ev = s.Next()
	}
	if ev.Name != "closed" || ev.Data != `{"reason":"`+reason+`"}` {
		t.Errorf("last event: got %+v, want closed, with the reason %q", ev, reason)
	}
	s.End()
}
