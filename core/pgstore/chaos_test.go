package pgstore_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// chaos is how long TestChaos publishes. With the default, it has a tenth of the
// clients, so that it fits into everybody's day.
var chaos = flag.Duration("chaos", 4*time.Second, "how long TestChaos publishes; with 2m it is the whole test")

// Three nodes in processes of their own, clients that come back to any of them,
// and publishers that try again elsewhere, while nodes are killed and started at
// random, and the database with them: every client gets every event once, in one
// order.
func TestChaos(t *testing.T) {
	t.Parallel()
	clients, rate := 60, 100
	if *chaos >= time.Minute {
		clients, rate = 600, 200
	}
	c := server(t)
	nodes := processes(t, 3, c.DSN("postgres"), "tidings")
	ctx, cancel := context.WithTimeout(t.Context(), 4**chaos+time.Minute)
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	f := &field{nodes: nodes, client: &http.Client{Transport: transport}}

	var publishers, readers, killer sync.WaitGroup
	each := int(chaos.Seconds() * float64(rate) / float64(len(channels())))
	began := time.Now()
	for _, channel := range channels() {
		publishers.Go(func() { f.publish(ctx, channel, each, time.Second*time.Duration(len(channels()))/time.Duration(rate)) })
	}
	logs := make([]log, clients)
	for i := range logs {
		readers.Go(func() { logs[i] = f.read(ctx, each*len(channels())) })
	}
	killing, stop := context.WithCancel(ctx)
	defer stop()
	kills, crashes := 0, 0
	killer.Go(func() {
		for rest(killing, min(chaos.Seconds()/8, 4)) {
			p := nodes[rand.IntN(len(nodes))]
			p.kill()
			if kills++; kills%3 == 0 {
				crashes++
				if err := c.Signal(syscall.SIGKILL); err != nil {
					t.Errorf("killing the server: %v", err)
				}
				rest(killing, 0.2)
				if err := c.Start(); err != nil {
					t.Errorf("starting the server: %v", err)
				}
			}
			if err := p.start(); err != nil {
				t.Errorf("starting a node: %v", err)
			}
		}
	})
	publishers.Wait()
	published := time.Since(began)
	stop()
	killer.Wait()
	readers.Wait()
	for i, l := range logs {
		if l.wrong != "" {
			t.Errorf("client %d: %s", i, l.wrong)
		} else if !slices.Equal(l.data, logs[0].data) {
			t.Errorf("client %d has another order than client 0", i)
		}
	}
	t.Logf("%d clients, %d events each in %v, %d connections; nodes killed %d times, the server %d times; %d publications tried again",
		clients, each*len(channels()), published.Round(time.Second/10), f.connections.Load(), kills, crashes, f.retries.Load())
}

// field is what clients see: some addresses.
type field struct {
	nodes                []*process
	client               *http.Client
	connections, retries atomic.Int64
}

// any returns the address of a path at a node that runs.
func (f *field) any(path string) string {
	return f.nodes[rand.IntN(len(f.nodes))].url(path)
}

// rest waits up to twice so many seconds, and reports whether ctx goes on.
func rest(ctx context.Context, seconds float64) bool {
	timer := time.NewTimer(time.Duration(rand.Float64() * 2 * seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// publish publishes numbers on a channel, each until it is acknowledged. It makes
// up for the time that it has lost.
func (f *field) publish(ctx context.Context, channel string, n int, every time.Duration) {
	began := time.Now()
	for i := 1; i <= n && ctx.Err() == nil; i++ {
		timer := time.NewTimer(time.Until(began.Add(time.Duration(i) * every)))
		<-timer.C
		data := channel + " " + strconv.Itoa(i)
		path := "/publish?channel=" + channel + "&data=" + url.QueryEscape(data)
		for !f.post(ctx, f.any(path)) && rest(ctx, 0.01) {
			f.retries.Add(1)
		}
	}
}

func (f *field) post(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, nil)
	if err != nil || address == "" {
		return false
	}
	answer, err := f.client.Do(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// log is what a client got.
type log struct {
	data  []uint32 // a channel and a number, each
	wrong string
}

// read is a client: it reads n events, and comes back wherever it can.
func (f *field) read(ctx context.Context, n int) (l log) {
	last := ""
	numbers := make(map[string]int)
	for len(l.data) < n && l.wrong == "" {
		if ctx.Err() != nil {
			l.wrong = fmt.Sprintf("got %d events, want %d", len(l.data), n)
			return l
		}
		f.stream(ctx, &last, func(ev core.Event) bool {
			channel, text, _ := strings.Cut(ev.Data, " ")
			number, _ := strconv.Atoi(text)
			if number != numbers[channel]+1 {
				l.wrong = fmt.Sprintf("got event %q %q with ID %s after %s %d", ev.Name, ev.Data, ev.ID, channel, numbers[channel])
				return false
			}
			numbers[channel] = number
			l.data = append(l.data, uint32(slices.Index(channels(), channel)<<24|number))
			return len(l.data) < n
		})
		rest(ctx, 0.02)
	}
	return l
}

// stream opens a stream after the last ID, and hands its events to take, as long
// as that returns true.
func (f *field) stream(ctx context.Context, last *string, take func(core.Event) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	address := f.any("/events")
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil || address == "" {
		return
	}
	if *last != "" {
		r.Header.Set("Last-Event-ID", *last)
	}
	answer, err := f.client.Do(r)
	if err != nil {
		return
	}
	defer func() { _ = answer.Body.Close() }()
	f.connections.Add(1)
	d := core.NewDecoder(answer.Body, core.DecoderConfig{})
	for {
		ev, err := d.Next()
		if err != nil || ev.Data != "" && !take(ev) {
			return
		}
		*last = ev.ID
	}
}
