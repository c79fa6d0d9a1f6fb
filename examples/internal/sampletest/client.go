package sampletest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Client returns an HTTP client that follows no redirect and keeps no
// connection beyond the test.
func Client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Answer is a whole response.
type Answer struct {
	*http.Response
	// Text is its body.
	Text string
}

// Ask sends a request, with header fields in pairs, and reads the response.
func Ask(t *testing.T, method, url string, header ...string) Answer {
	t.Helper()
	return exchange(t, method, url, http.NoBody, header...)
}

// AskWith sends a request with a body, with header fields in pairs, and reads
// the response.
func AskWith(t *testing.T, method, url, body string, header ...string) Answer {
	t.Helper()
	return exchange(t, method, url, strings.NewReader(body), header...)
}

func exchange(t *testing.T, method, url string, body io.Reader, header ...string) Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	resp, err := Client(t).Do(request(ctx, t, method, url, body, header...))
	if err != nil {
		t.Fatalf("%s %s: got error %v, want a response", method, url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: got error %v, want a whole body", method, url, err)
	}
	return Answer{resp, string(text)}
}

// Request returns a request without a body, with header fields in pairs.
func Request(ctx context.Context, t *testing.T, method, url string, header ...string) *http.Request {
	t.Helper()
	return request(ctx, t, method, url, http.NoBody, header...)
}

func request(ctx context.Context, t *testing.T, method, url string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// stats are what a hub's Stats are in JSON.
type stats struct {
	Streams   *int `json:"streams"`
	Published *int `json:"published"`
}

// Stats returns what the program at a URL says at /stats, which must be its
// hub's Stats.
func Stats(t *testing.T, url string) (streams, published int) {
	t.Helper()
	got := Ask(t, http.MethodGet, url+"/stats")
	var s stats
	err := json.Unmarshal([]byte(got.Text), &s)
	if got.StatusCode != http.StatusOK || err != nil || s.Streams == nil || s.Published == nil {
		t.Fatalf("stats: got %s, %s, want streams and published in JSON", got.Status, got.Text)
	}
	return *s.Streams, *s.Published
}

// AwaitStreams waits until so many streams are open, as [Stats] has it, and
// returns how long that took.
func AwaitStreams(t *testing.T, url string, want int) time.Duration {
	t.Helper()
	begin := time.Now()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		got, _ := Stats(t, url)
		took := time.Since(begin)
		if got == want {
			return took
		}
		if took > 5*time.Second {
			t.Fatalf("open streams: got %d after %v, want %d", got, took, want)
		}
		<-poll.C
	}
}
