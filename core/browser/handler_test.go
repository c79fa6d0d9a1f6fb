package browser_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core/browser"
)

// maxServed is the size of the module as browsers get it, in bytes, at most.
const maxServed = 3500

// served returns the module as the handler sends it.
func served() string { return ask(http.MethodGet, "/tidings.js").Body.String() }

// ask sends the handler a request, with header fields in pairs.
func ask(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	browser.Handler().ServeHTTP(w, r)
	return w
}

func TestServes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ path, kind, text string }{
		{"/tidings.js", "text/javascript; charset=utf-8", served()},
		{"/assets/v1/tidings.js?x=1", "text/javascript; charset=utf-8", served()},
		{"/tidings.d.ts", "application/typescript; charset=utf-8", browser.Types()},
	} {
		got := ask(http.MethodGet, tt.path)
		if got.Code != http.StatusOK || got.Body.String() != tt.text {
			t.Errorf("%s: got status %d, %d bytes, want 200, %d bytes", tt.path, got.Code, got.Body.Len(), len(tt.text))
		}
		for name, want := range map[string]string{
			"Content-Type": tt.kind, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff",
			"Vary": "Accept-Encoding", "Content-Length": strconv.Itoa(len(tt.text)), "Content-Encoding": "",
		} {
			if got := got.Header().Get(name); got != want {
				t.Errorf("%s, %s: got %q, want %q", tt.path, name, got, want)
			}
		}
	}
}

// What is sent is the module, without its comments.
func TestCompact(t *testing.T) {
	t.Parallel()
	code, rest := served(), browser.Script()
	for line := range strings.Lines(code) {
		before, after, found := strings.Cut(rest, line)
		for between := range strings.Lines(before) {
			if text := strings.TrimSpace(between); text != "" && !strings.HasPrefix(text, "//") {
				t.Fatalf("not sent: got %q left out, want it sent", text)
			}
		}
		if !found {
			t.Fatalf("sent: got %q, want lines of the module", line)
		}
		rest = after
	}
	if strings.Contains(code, "\n//") || strings.Contains(browser.Script(), "/*") || strings.Count(browser.Script(), "`")%2 != 0 {
		t.Error("got comments that are sent, or a text over several lines")
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/tidings", "/other.js", "/tidings.js/x"} {
		if got := ask(http.MethodGet, path); got.Code != http.StatusNotFound {
			t.Errorf("%s: got status %d, want 404", path, got.Code)
		}
	}
	if got := ask(http.MethodPost, "/tidings.js"); got.Code != http.StatusMethodNotAllowed || got.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got status %d, %v, want 405", got.Code, got.Header())
	}
}

// A client that accepts gzip gets it, small as promised, and under an ETag of
// its own.
func TestCompresses(t *testing.T) {
	t.Parallel()
	plain := ask(http.MethodGet, "/tidings.js")
	for accepts, want := range map[string]bool{
		"": false, "gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0, br": false, "identity": false, "gzip;q=x": false,
	} {
		got := ask(http.MethodGet, "/tidings.js", "Accept-Encoding", accepts)
		zipped := got.Header().Get("Content-Encoding") == "gzip"
		if zipped != want || zipped == (got.Header().Get("ETag") == plain.Header().Get("ETag")) {
			t.Errorf("accepting %q: got gzip %v, ETag %s, want gzip %v", accepts, zipped, got.Header().Get("ETag"), want)
		}
	}
	got := ask(http.MethodGet, "/tidings.js", "Accept-Encoding", "gzip")
	size := got.Body.Len()
	t.Logf("the module has %d bytes, %d without comments, %d as served", len(browser.Script()), len(served()), size)
	if size > maxServed || got.Header().Get("Content-Length") != strconv.Itoa(size) {
		t.Errorf("size as served: got %d bytes, Content-Length %s, want %d at most", size, got.Header().Get("Content-Length"), maxServed)
	}
	r, err := gzip.NewReader(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != served() {
		t.Errorf("unpacked: got %d bytes, %v, want the module", len(text), err)
	}
}

// A middleware that compresses, and says so before the handler, gets what it can
// compress.
func TestLeavesCompressingToMiddleware(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/tidings.js", http.NoBody)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	w.Header().Set("Content-Encoding", "gzip")
	browser.Handler().ServeHTTP(w, r)
	if w.Body.String() != served() {
		t.Errorf("got %d bytes, want the module as it is", w.Body.Len())
	}
}

func TestRevalidates(t *testing.T) {
	t.Parallel()
	for _, accepts := range []string{"identity", "gzip"} {
		first := ask(http.MethodGet, "/tidings.js", "Accept-Encoding", accepts)
		etag := first.Header().Get("ETag")
		if len(etag) < 10 || strings.HasPrefix(etag, "W/") {
			t.Errorf("%s: got ETag %s, want a strong one", accepts, etag)
		}
		again := ask(http.MethodGet, "/tidings.js", "Accept-Encoding", accepts, "If-None-Match", etag)
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("ETag") != etag {
			t.Errorf("%s, again: got status %d, %d bytes, want 304", accepts, again.Code, again.Body.Len())
		}
		head := ask(http.MethodHead, "/tidings.js", "Accept-Encoding", accepts)
		if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("Content-Length") != strconv.Itoa(first.Body.Len()) {
			t.Errorf("%s, HEAD: got status %d, %d bytes, %v, want the head alone", accepts, head.Code, head.Body.Len(), head.Header())
		}
	}
}
