package client_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/client"
)

// BenchmarkEvents reads streams from memory: what the client adds to its
// decoder. An operation is one event.
func BenchmarkEvents(b *testing.B) {
	const perStream = 10_000
	all := []byte(strings.Repeat("event: quote\ndata: {\"stock\":\"IBM\",\"value\":567.29}\nid: 7sk8g6on-12345\n\n", perStream))
	hc := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		resp := response(http.StatusOK, "", "Content-Type", "text/event-stream")
		resp.Body = body{bytes.NewReader(all)}
		return resp, nil
	})}
	for _, idle := range []time.Duration{0, time.Minute} {
		b.Run(fmt.Sprintf("idle=%v", idle), func(b *testing.B) {
			c, err := client.New(client.Config{
				URL: "http://a.example", HTTPClient: hc, IdleTimeout: idle, Backoff: client.Backoff{Delay: -1, Healthy: -1},
			})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(all) / perStream))
			left := b.N
			for _, err := range c.Events(b.Context()) {
				if err != nil {
					b.Fatal(err)
				}
				if left--; left == 0 {
					break
				}
			}
		})
	}
}

type body struct{ *bytes.Reader }

func (body) Close() error { return nil }
