//go:build linux

package wire

import (
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

// Order asks a publisher to publish.
type Order struct {
	// Rate is how many events are due in a second, Events how many in all.
	Rate   float64 `json:"rate"`
	Events int     `json:"events"`
	// Size is the size of the data of each.
	Size int `json:"size"`
	// Channels is the number of channels. With more than one, each event goes
	// to one of them at random.
	Channels int `json:"channels"`
	// Grace is how long after the last event was due the publisher may still
	// be behind. What is unpublished then remains so.
	Grace time.Duration `json:"grace"`
	// Leaves, if positive, has the server say when it noticed that so many
	// clients had left since the start. It waits for that, once all is published,
	// for Grace at most.
	Leaves int `json:"leaves,omitempty"`
}

// Done says what became of an [Order].
type Done struct {
	Published int           `json:"published"`
	Took      time.Duration `json:"took"`
	// Begin is when the first event was due, by [Now].
	Begin int64 `json:"begin"`
	// Blocked reports whether publishing one event was still in progress at
	// the end.
	Blocked bool `json:"blocked,omitempty"`
	// Left is when the last of [Order.Leaves] clients was seen to have left, by
	// [Now]. 0: not in time.
	Left int64 `json:"left,omitempty"`
	// Goroutines is how many the server has, if it is a Go program.
	Goroutines int    `json:"goroutines,omitempty"`
	Error      string `json:"error,omitempty"`
}

// Publisher publishes events on command, each with its number in its channel
// and the time when it was due: a publisher that is late because the server is
// busy, or blocks, does not hide that. It is used by one goroutine.
type Publisher struct {
	publish func(channel int, data string) error
	seqs    map[int]int64
	random  *rand.Rand
	stuck   atomic.Bool // an earlier order's publish call has not returned
}

// NewPublisher returns a publisher that hands the data of each event to
// publish.
func NewPublisher(publish func(channel int, data string) error) *Publisher {
	return &Publisher{
		publish: publish,
		seqs:    make(map[int]int64),
		// The same channels in the same order for everybody.
		random: rand.New(rand.NewPCG(1, 2)),
	}
}

// Channel returns the name of a channel on the wire.
func Channel(n int) string { return "c" + strconv.Itoa(n) }

// Run carries out an order. It returns in time even if publishing blocks for
// ever; afterwards the publisher refuses to work until it no longer does.
func (p *Publisher) Run(o Order) Done {
	if p.stuck.Load() {
		return Done{Begin: Now(), Blocked: true, Error: "an earlier event is still being published"}
	}
	start, begin := time.Now(), Now()
	end := start.Add(time.Duration(float64(o.Events)/o.Rate*1e9) + o.Grace)
	var published atomic.Int64
	result := make(chan error, 1)
	p.stuck.Store(true)
	go func() {
		defer p.stuck.Store(false)
		result <- p.run(o, start, begin, end, &published)
	}()
	limit := time.NewTimer(time.Until(end) + time.Second)
	defer limit.Stop()
	done := Done{Begin: begin}
	select {
	case err := <-result:
		if err != nil {
			done.Error = err.Error()
		}
	case <-limit.C:
		done.Blocked = true
	}
	done.Published, done.Took = int(published.Load()), time.Since(start)
	return done
}

func (p *Publisher) run(o Order, start time.Time, begin int64, end time.Time, published *atomic.Int64) error {
	for i := range o.Events {
		due := time.Duration(float64(i) / o.Rate * 1e9)
		if wait := due - time.Since(start); wait > 0 {
			time.Sleep(wait)
		}
		if time.Now().After(end) {
			return nil
		}
		channel := 0
		if o.Channels > 1 {
			channel = p.random.IntN(o.Channels)
		}
		p.seqs[channel]++
		data := AppendData(make([]byte, 0, max(o.Size, MinData)), o.Size, p.seqs[channel], begin+int64(due))
		if err := p.publish(channel, string(data)); err != nil {
			return err
		}
		published.Add(1)
	}
	return nil
}
