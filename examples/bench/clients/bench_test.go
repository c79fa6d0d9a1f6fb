package clients_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/launchdarkly/eventsource"
	r3labs "github.com/r3labs/sse/v2"
	gosse "github.com/tmaxmax/go-sse"

	"github.com/tidings-go/tidings/core/client"
)

const perStream = 20_000

// streamOf returns a stream of many events.
func streamOf(data string) []byte {
	var sb strings.Builder
	for i := range perStream {
		fmt.Fprintf(&sb, "id: %08d\nevent: update\ndata: %s\n\n", i+1, data)
	}
	return []byte(sb.String())
}

// readers read that many events from a URL, with a client of their own, and
// return the bytes of their data.
func readers() map[string]func(url string, hc *http.Client) (events, data int, err error) {
	return map[string]func(string, *http.Client) (int, int, error){
		"tidings": func(url string, hc *http.Client) (n, data int, err error) {
			c, err := client.New(client.Config{URL: url, HTTPClient: hc, OneShot: true})
			if err != nil {
				return 0, 0, fmt.Errorf("config: %w", err)
			}
			for ev, err := range c.Events(context.Background()) {
				if err != nil {
					return n, data, err
				}
				n++
				data += len(ev.Data)
			}
			return n, data, nil
		},
		"go-sse": func(url string, hc *http.Client) (n, data int, err error) {
			r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
			if err != nil {
				return 0, 0, fmt.Errorf("request: %w", err)
			}
			c := gosse.Client{HTTPClient: hc, Backoff: gosse.Backoff{MaxRetries: -1}}
			conn := c.NewConnection(r)
			conn.SubscribeToAll(func(ev gosse.Event) {
				n++
				data += len(ev.Data)
			})
			if err = conn.Connect(); n == perStream {
				err = nil // it always ends with one
			}
			return n, data, err //nolint:wrapcheck // It is for a test.
		},
		"launchdarkly": func(url string, hc *http.Client) (n, data int, err error) {
			s, err := eventsource.SubscribeWithURL(url, eventsource.StreamOptionHTTPClient(hc))
			if err != nil {
				return 0, 0, fmt.Errorf("subscribe: %w", err)
			}
			defer s.Close()
			for ev := range s.Events {
				n++
				if data += len(ev.Data()); n == perStream {
					break
				}
			}
			return n, data, nil
		},
		"r3labs": func(url string, hc *http.Client) (n, data int, err error) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			c := r3labs.NewClient(url)
			c.Connection = hc
			err = c.SubscribeRawWithContext(ctx, func(ev *r3labs.Event) {
				n++
				if data += len(ev.Data); n == perStream {
					cancel()
				}
			})
			if n == perStream {
				err = nil
			}
			return n, data, err //nolint:wrapcheck // It is for a test.
		},
	}
}

// BenchmarkClients reads a stream over a loopback connection.
func BenchmarkClients(b *testing.B) {
	for name, size := range map[string]int{"token": 17, "stock": 130, "large": 4000} {
		text := strings.Repeat("x", size)
		all := streamOf(text)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write(all)
		}))
		for _, who := range slices.Sorted(maps.Keys(readers())) {
			b.Run(name+"/"+who, func(b *testing.B) {
				transport := &http.Transport{}
				defer transport.CloseIdleConnections()
				hc := &http.Client{Transport: transport}
				b.SetBytes(int64(len(all)))
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				streams := 0
				for b.Loop() {
					n, data, err := readers()[who](server.URL, hc)
					if n != perStream || data != perStream*size || err != nil {
						b.Fatalf("got %d events with %d bytes and error %v, want %d with %d", n, data, err, perStream, perStream*size)
					}
					streams++
				}
				runtime.ReadMemStats(&after)
				events := float64(streams) * perStream
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
				b.ReportMetric(float64(after.Mallocs-before.Mallocs)/events, "allocs/event")
				b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/events, "B/event")
			})
		}
		server.CloseClientConnections()
		server.Close()
	}
}

// TestClientsAgree checks that they all read the same, and that the benchmark
// thus compares the same work.
func TestClientsAgree(t *testing.T) {
	t.Parallel()
	all := streamOf("text")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write(all)
	}))
	defer server.Close()
	defer server.CloseClientConnections()
	for who, read := range readers() {
		transport := &http.Transport{}
		n, data, err := read(server.URL, &http.Client{Transport: transport})
		transport.CloseIdleConnections()
		if n != perStream || data != 4*perStream || err != nil {
			t.Errorf("%s: got %d events with %d bytes and error %v, want %d with %d", who, n, data, err, perStream, 4*perStream)
		}
	}
}
