package notifications_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
	"github.com/tidings-go/tidings/examples/notifications"
)

func TestMain(m *testing.M) { sampletest.Main(m) }

func TestEvent(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, tt := range []struct{ body, want string }{ // the value in the event
		{`{"value":"disk is full"}`, `"disk is full"`},
		{`{"value":""}`, `""`},
		{`{"value":0}`, `0`},
		{`{"value":false}`, `false`},
		{`{"value":12345678901234567890.10}`, `12345678901234567890.10`},
		{" {\r\n \"value\" : { \"b\" : [ 1 , null ] } } \n", `{"b":[1,null]}`},
		{`{"value":"a\r\nb\u0000 💥"}`, `"a\r\nb\u0000 💥"`},
		{`{"value":"</script>"}`, `"\u003c/script\u003e"`}, // the same in JSON
		{`{"other":1,"value":2}`, `2`},
		{`{"value":1,"value":2}`, `2`},
	} {
		ev, err := notifications.Event(strings.NewReader(tt.body))
		var n notifications.Notification
		if err == nil {
			err = json.Unmarshal([]byte(ev.Data), &n)
		}
		if err != nil || ev.Name != "statusupdate" || ev.ID == "" || n.ID != ev.ID || string(n.Value) != tt.want {
			t.Errorf("%s: got %+v and error %v, want a statusupdate of %s with its own ID", tt.body, ev, err, tt.want)
			continue
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", n.PushedAt); err != nil {
			t.Errorf("%s: pushedat: %v", tt.body, err)
		}
		if want := `{"id":"` + n.ID + `","value":` + tt.want + `,"pushedat":"` + n.PushedAt + `"}`; ev.Data != want {
			t.Errorf("%s: got data %s, want %s", tt.body, ev.Data, want)
		}
		if seen[ev.ID] {
			t.Errorf("%s: got ID %s again, want another one", tt.body, ev.ID)
		}
		seen[ev.ID] = true
	}
}

// badBodies are refused with 400.
func badBodies() []string {
	return []string{
		"", " ", "nonsense", `"text"`, `[]`, `7`, `null`, `{}`, `{"value":null}`, `{"value":}`, `{"value":1`,
		`{"value":1}{"value":2}`, `{"value":01}`, `{"value":"` + "\xff" + `"}`, `{"value":"` + "\n" + `"}`, "value=1",
		`{"other":1}`, "\xef\xbb\xbf{}", strings.Repeat("[", 20_000),
	}
}

func TestBadEvent(t *testing.T) {
	t.Parallel()
	for _, body := range badBodies() {
		_, err := notifications.Event(strings.NewReader(body))
		if status, message := notifications.Explain(err); status != 400 || message == "" {
			t.Errorf("%.30q: got error %v, which is explained with %d %q, want 400", body, err, status, message)
		}
	}
}

func TestLongEvent(t *testing.T) {
	t.Parallel()
	for extra, want := range []int{0, http.StatusRequestEntityTooLarge} {
		value := strings.Repeat("x", notifications.MaxBody-len(`{"value":""}`)+extra)
		_, err := notifications.Event(strings.NewReader(`{"value":"` + value + `"}`))
		got := 0
		if err != nil {
			got, _ = notifications.Explain(err)
		}
		if got != want {
			t.Errorf("%d bytes too many: got status %d, want %d", extra, got, want)
		}
	}
}

// TestCutEvent checks that a truncated body is a client error.
func TestCutEvent(t *testing.T) {
	t.Parallel()
	body := io.MultiReader(strings.NewReader(`{"value":1}`), iotest.ErrReader(io.ErrUnexpectedEOF))
	_, err := notifications.Event(body)
	if status, _ := notifications.Explain(err); status != http.StatusBadRequest || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got error %v, explained with %d, want 400", err, status)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want int
	}{
		{fmt.Errorf("publish: %w", core.ErrHubClosed), 503},
		{errors.New("disk is full"), 500},
	} {
		if status, message := notifications.Explain(tt.err); status != tt.want || message == "" || strings.Contains(message, "disk") {
			t.Errorf("%v: got %d %q, want %d, and nothing from inside", tt.err, status, message, tt.want)
		}
	}
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		last string
		want core.Start
		ok   bool
	}{
		{"", core.Live(), true},
		{"0", core.Live(), true},
		{"1", core.Last(1), true},
		{"100", core.Last(100), true},
		{"101", core.Live(), false},
		{"-1", core.Live(), false},
		{"nonsense", core.Live(), false},
		{"99999999999999999999", core.Live(), false},
	} {
		sub, err := notifications.Subscription(tt.last)
		if (err == nil) != tt.ok || sub.Start != tt.want {
			t.Errorf("last %q: got %+v and error %v, want start %+v, error %v", tt.last, sub, err, tt.want, !tt.ok)
		}
	}
}
