package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core/client"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// readers are clients of a cluster, which come back when they lose their
// connections.
type readers struct {
	t       *testing.T
	all     []*reader
	stop    context.CancelFunc
	running sync.WaitGroup
}

// reader is one of them.
type reader struct {
	last  atomic.Int64 // number of the newest price
	count int          // of prices
	fault error        // the first that came
	opens int
}

// read starts n readers of the prices.
func read(t *testing.T, url string, n int) *readers {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	rs := &readers{t: t, stop: stop}
	for range n {
		c, err := client.New(client.Config{
			URL: url + "/events", HTTPClient: sampletest.Client(t), RetryStatus: client.TemporaryStatus,
			Backoff: client.Backoff{MinServerDelay: -1, MaxDelay: time.Second, Healthy: -1}, // as browsers do
		})
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{}
		rs.all = append(rs.all, r)
		rs.running.Go(func() { r.run(ctx, c) })
	}
	t.Cleanup(func() {
		stop()
		rs.running.Wait()
	})
	return rs
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context, c *client.Client) {
	for ev, err := range c.Events(ctx) {
		if err == nil {
			err = r.take(ev)
		}
		if err != nil && ctx.Err() == nil && r.fault == nil {
			r.fault = err
		}
	}
}

// take notes an event, or says what is wrong with it.
func (r *reader) take(ev client.Event) error {
	var price struct {
		N int64 `json:"n"`
	}
	switch ev.Name {
	case "node":
		r.opens++
		return nil
	case "price":
	default:
		return errors.New("an event " + ev.Name + ": " + ev.Data)
	}
	if err := json.Unmarshal([]byte(ev.Data), &price); err != nil {
		return err
	}
	last := r.last.Swap(price.N)
	r.count++
	if last != 0 && price.N != last+1 {
		return errors.New("a price out of turn: " + ev.Data)
	}
	return nil
}

// behind returns the number up to which all have read.
func (rs *readers) behind() int64 {
	n := rs.all[0].last.Load()
	for _, r := range rs.all {
		n = min(n, r.last.Load())
	}
	return n
}

// more waits until all have read so many prices more.
func (rs *readers) more(n int64) {
	rs.t.Helper()
	head := rs.all[0].last.Load()
	for _, r := range rs.all {
		head = max(head, r.last.Load())
	}
	sampletest.Eventually(rs.t, "prices", func() bool { return rs.behind() >= head+n })
}

// judge ends the readers, and judges what they have read.
func (rs *readers) judge() {
	rs.t.Helper()
	rs.stop()
	rs.running.Wait()
	prices, opens := 0, 0
	for i, r := range rs.all {
		prices += r.count
		opens += r.opens
		if r.fault != nil {
			rs.t.Errorf("client %d: got %v, want all prices in turn", i, r.fault)
		}
	}
	rs.t.Logf("%d clients, %d prices, %d connections: none missed, none twice", len(rs.all), prices, opens)
}
