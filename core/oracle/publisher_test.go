package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

// publisher publishes in every way there is.
type publisher struct {
	*fixture

	source source
	number int
	onces  []once
	timer  *time.Timer
}

// once is an event that was published with a key for repeats.
type once struct {
	key string
	e   *event
}

func newPublisher(f *fixture, number int) *publisher {
	r := rand.New(rand.NewPCG(f.seed, uint64(200+number)))
	return &publisher{fixture: f, number: number, source: source{Rand: r, first: number * 1_000_000}, timer: time.NewTimer(0)}
}

// run does the number of operations in the settings.
func (p *publisher) run() {
	defer p.timer.Stop()
	for burst := 0; p.operations.Add(1) <= int64(publishers*p.size) && !p.Failed(); burst-- {
		if burst <= 0 {
			burst = 1 + p.source.IntN(24)
			p.wait()
		}
		switch n := p.source.IntN(100); {
		case n < 50:
			p.single()
		case n < 75:
			p.batch()
		case n < 83:
			p.chosen()
		case n < 90:
			p.once()
		case n < 96:
			p.again()
		case p.forgets:
			p.forget()
		}
	}
	p.operations.Add(-1)
}

// wait lets the clients read for a while.
func (p *publisher) wait() {
	p.timer.Reset(2 * time.Millisecond)
	for range 1 + p.source.IntN(8) {
		select {
		case <-p.pace:
		case <-p.timer.C:
			return
		}
	}
}

// tick reports that a client has done something.
func (f *fixture) tick() {
	select {
	case f.pace <- struct{}{}:
	default:
	}
}

// event returns a new event for a random channel and audience.
func (p *publisher) event() *event {
	all := allChannels()
	var to audience
	switch p.source.IntN(12) {
	case 0, 1:
		to = audience{"group", fmt.Sprint("group ", p.source.IntN(3))}
	case 2:
		to = audience{"identity", fmt.Sprint("user ", p.source.IntN(3))}
	case 3:
		c := p.clients[p.source.IntN(len(p.clients))]
		c.mu.Lock()
		if c.now != nil {
			to = audience{"stream", c.now.streamID()}
		}
		c.mu.Unlock()
	}
	return p.source.event(all[p.source.IntN(len(all))], to)
}

// chosenID returns an ID of the app's own.
func (p *publisher) chosenID(e *event) string {
	return fmt.Sprintf([]string{"own %d", "own%d-7", "größe/%d", "{\"a\":%d}"}[p.source.IntN(4)], e.number)
}

// note records what was published under an ID that is a position.
func (p *publisher) note(e *event, id string) {
	epoch, seq, ok := parsePosition(id)
	if !ok || epoch != p.epoch {
		p.Errorf("event %d: its ID is no position of epoch %q: %q", e.number, p.epoch, id)
		return
	}
	p.keep(e, id, seq)
}

// keep records a published event.
func (p *publisher) keep(e *event, id string, seq uint64) {
	e.id = id
	p.published.Add(1)
	if err := p.model.record(p.instance.Load().gen, seq, e); err != nil {
		p.Error(err)
	}
}

// single publishes one event.
func (p *publisher) single() {
	e := p.event()
	p.publishLock.RLock()
	defer p.publishLock.RUnlock()
	hub := p.instance.Load().hub
	e.start = p.model.now()
	id, err := hub.Publish(p.Context(), e.channel, e.ev, core.Only(e.to.public()))
	e.end = p.model.now()
	if err != nil {
		p.Errorf("Publish: %v", err)
		return
	}
	p.note(e, id)
}

// chosen publishes an event with an ID of the application. There is no other
// publisher meanwhile, as its position would be unknown.
func (p *publisher) chosen() {
	e := p.event()
	e.ev.ID = p.chosenID(e)
	p.publishLock.Lock()
	defer p.publishLock.Unlock()
	in := p.instance.Load()
	e.start = p.model.now()
	id, err := in.hub.Publish(p.Context(), e.channel, e.ev, core.Only(e.to.public()))
	e.end = p.model.now()
	if err != nil || id != e.ev.ID {
		p.Errorf("Publish with the ID %q: got %q, %v", e.ev.ID, id, err)
		return
	}
	p.keep(e, id, p.model.head(in.gen)+1)
}

// batch publishes several events together.
func (p *publisher) batch() {
	events := make([]*event, 2+p.source.IntN(min(p.settings.batch(), 8)-1))
	batch := make([]core.Publication, len(events))
	for i := range events {
		events[i] = p.event()
		if p.source.IntN(3) == 0 && i > 0 {
			events[i].channel = events[i-1].channel
		}
		if p.source.IntN(6) == 0 && i > 0 {
			events[i].ev.ID = p.chosenID(events[i])
		}
		batch[i] = events[i].publication()
	}
	p.publishLock.RLock()
	defer p.publishLock.RUnlock()
	hub := p.instance.Load().hub
	start := p.model.now()
	ids, err := hub.PublishBatch(p.Context(), batch...)
	end := p.model.now()
	if err != nil || len(ids) != len(batch) {
		p.Errorf("PublishBatch of %d: got %q, %v", len(batch), ids, err)
		return
	}
	epoch, first, _ := parsePosition(ids[0])
	for i, e := range events {
		e.start, e.end = start, end
		want := fmt.Sprintf("%s-%d", epoch, first+uint64(i))
		if e.ev.ID != "" {
			want = e.ev.ID
		}
		if ids[i] != want || epoch != p.epoch {
			p.Errorf("PublishBatch: event %d of %d has the ID %q, want %q", i, len(batch), ids[i], want)
			return
		}
		p.keep(e, ids[i], first+uint64(i))
	}
}

// onceChannel is never forgotten, so that its keys are not.
const onceChannel = "evict-0"

// once publishes an event once per key, from several goroutines at once.
func (p *publisher) once() {
	e := p.event()
	e.channel = onceChannel
	o := once{fmt.Sprint("once ", e.number), e}
	p.publishLock.RLock()
	defer p.publishLock.RUnlock()
	e.start = p.model.now()
	id, err := p.publishOnce(o, 1+p.source.IntN(3))
	e.end = p.model.now()
	if err != nil {
		p.Errorf("Publish: %v", err)
		return
	}
	p.note(e, id)
	p.onces = append(p.onces, o)
}

// publishOnce publishes an event several times with one key. All calls must
// return the same ID.
func (p *publisher) publishOnce(o once, times int) (string, error) {
	hub := p.instance.Load().hub
	ids, errs := make([]string, times), make([]error, times)
	var publishing sync.WaitGroup
	for i := range ids {
		publishing.Go(func() {
			ids[i], errs[i] = hub.Publish(p.Context(), o.e.channel, o.e.ev, core.Only(o.e.to.public()), core.Once(o.key))
		})
	}
	publishing.Wait()
	for i := range ids {
		if errs[i] != nil || ids[i] != ids[0] {
			return "", fmt.Errorf("once more: got %q, %w, want %q", ids[i], errs[i], ids[0])
		}
	}
	p.repeated.Add(int64(times - 1))
	return ids[0], nil
}

// again repeats a publication with its key.
func (p *publisher) again() {
	p.publishLock.RLock()
	defer p.publishLock.RUnlock()
	if len(p.onces) == 0 {
		return
	}
	o := p.onces[p.source.IntN(len(p.onces))]
	if o.e.gen != p.instance.Load().gen {
		return
	}
	if id, err := p.publishOnce(o, 1); err != nil || id != o.e.id {
		p.Errorf("Publish with a key that was used: got %q, %v, want %q", id, err, o.e.id)
	}
	p.repeated.Add(1)
}

// forget drops the history of a channel.
func (p *publisher) forget() {
	all := allChannels()
	f := forgetting{channel: all[1+p.source.IntN(len(all)-1)]}
	p.publishLock.RLock()
	defer p.publishLock.RUnlock()
	in := p.instance.Load()
	f.gen, f.start = in.gen, p.model.now()
	err := in.hub.Forget(p.Context(), f.channel)
	f.end = p.model.now()
	if err != nil {
		p.Errorf("Forget: %v", err)
	}
	p.model.mu.Lock()
	p.model.forgot = append(p.model.forgot, f)
	p.model.mu.Unlock()
}
