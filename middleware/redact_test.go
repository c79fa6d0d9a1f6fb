package middleware_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/middleware"
)

func ExampleRedact() {
	err := &url.Error{Op: "Get", URL: "https://ann:secret@auth.example/check?token=secret", Err: errors.New("refused")}
	fmt.Println(middleware.Redact(err.Error()))
	// Output: Get "https://(redacted)@auth.example/check?(redacted)": refused
}

func TestRedact(t *testing.T) {
	t.Parallel()
	const hidden = "s3cr3t"
	for _, text := range []string{
		"/events?ticket=" + hidden, "https://a.example/?x=1&y=" + hidden, "redis://:" + hidden + "@db:6379/0",
		"Authorization: Bearer " + hidden, "authorization=" + hidden, "bad header: Bearer " + hidden + ".x",
		"Cookie: a=b; session=" + hidden, "set-cookie: id=" + hidden, `{"access_token":"` + hidden + `"}`, `password: ` + hidden,
		"API_KEY=" + hidden + ", next", "Basic " + hidden + "==", "X-Secret-Key: " + hidden,
		"/stream/eyJhbGciOi." + hidden + "." + hidden, "/stream/0123456789" + hidden + "abcdefghi", "stream_token=" + hidden,
	} {
		if got := middleware.Redact(text); strings.Contains(got, hidden) || !strings.Contains(got, "(redacted)") {
			t.Errorf("%q: got %q, want the secret left out", text, got)
		}
	}
	for _, text := range []string{
		"", "/events", "/stocks/IBM", "tidings: client gone: write tcp 127.0.0.1:80->127.0.0.1:4711: connection reset by peer",
		"tidings: refused with 401: The token has expired.", "tidings: permission expired", "ümlaut",
		"a-word-that-is-long-and-has-no-digit", "20261121220126000000000000",
	} {
		if got := middleware.Redact(text); got != text {
			t.Errorf("%q: got %q, want it as it is", text, got)
		}
	}
	if got := middleware.Redact(strings.Repeat("ü ", 1000)); len(got) > 512 || !strings.HasSuffix(got, "…") {
		t.Errorf("long text: got %d bytes, want 512 at most", len(got))
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("GET /?a=b", "token")
	f.Fuzz(func(t *testing.T, before, value string) {
		if strings.ContainsAny(value, " \t\n\v\f\r\"'<>") || len(value) < 3 {
			return
		}
		if got := middleware.Redact("x?q=" + value); !strings.HasPrefix(got, "x?(redacted)") {
			t.Errorf("query %q: got %q", value, got)
		}
		if got := middleware.Redact(before); len(got) > 512 {
			t.Errorf("%q: got %d bytes, want 512 at most", before, len(got))
		}
	})
}
