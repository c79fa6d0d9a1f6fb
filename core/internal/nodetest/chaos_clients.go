package nodetest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core"
)

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

// publish publishes numbers on a channel, each until it is acknowledged. It makes
// up for the time that it has lost.
func (f *field) publish(ctx context.Context, channel string, n int, every time.Duration) {
	began := time.Now()
	for i := 1; i <= n && ctx.Err() == nil; i++ {
		timer := time.NewTimer(time.Until(began.Add(time.Duration(i) * every)))
		<-timer.C
		data := channel + " " + strconv.Itoa(i)
		path := "/publish?channel=" + channel + "&data=" + url.QueryEscape(data)
		for !f.post(ctx, f.any(path)) && Pause(ctx, 0.01) {
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
		Pause(ctx, 0.02)
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
