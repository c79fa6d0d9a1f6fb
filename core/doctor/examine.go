package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// steadyEvery is how often a stream that is watched has an event.
const steadyEvery = 500 * time.Millisecond

// examination is one run of the doctor.
type examination struct {
	cfg   Config
	url   *url.URL
	began time.Time

	mu sync.Mutex // of Progress
}

// visits are what an examination has seen. Those that were not made, or not
// needed, are nil.
type visits struct {
	packed *visit // the first one, if the doctor could not unpack its answer
	cached *visit // the first one, if it was answered with another's stream
	first  *visit // the timeline
	second *visit // the same again, with a last event ID
	third  *visit // once more, if events were late
	idle   *visit // with a silence
	still  *visit // the same again, if events were late
	watch  *visit // with an event each second
	leave  departure
}

// Examine opens event streams as a browser does, and returns what is in the way
// of them. Of a probe (see [Endpoint]) it learns most; of any other event
// stream it reports what its head and its first seconds show. It takes about
// 5 s, or as long as Idle and Watch of the config.
//
// The URL may be anybody's: what is read of it is bounded in length and time,
// texts are reported without control characters, and secrets of the config and
// of URLs are not reported.
//
// When ctx ends, Examine returns at once what it knows, with Complete false.
// The error is [ErrURL], [ErrToken], [ErrBusy], or says why nothing has
// answered; the report is then nil.
func Examine(ctx context.Context, cfg Config) (*Report, error) {
	cfg, target, err := cfg.prepared()
	if err != nil {
		return nil, err
	}
	x := &examination{cfg: cfg, url: target, began: time.Now()}
	x.say("asking %s", clean(bare(target), 200))
	all, err := x.look(ctx)
	if err != nil {
		return nil, err
	}
	r := x.report(all)
	r.Complete = ctx.Err() == nil
	return r, nil
}

// say reports progress.
func (x *examination) say(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.cfg.Progress(fmt.Sprintf(format, args...))
}

// look makes the visits.
func (x *examination) look(ctx context.Context) (*visits, error) {
	all := &visits{}
	stay := x.cfg.Watch
	if stay <= 0 {
		stay = 5 * time.Second
	}
	open := ask{plan: timeline(), watch: stay}
	all.first = x.visit(ctx, open)
	if err := all.first.refused(ctx); err != nil {
		return nil, err
	}
	if all.first.ending == undecodable && ctx.Err() == nil {
		x.say("the answer is compressed with %s: asking again without", clean(all.first.encoding, 20))
		open.plain = true
		all.packed, all.first = all.first, x.visit(ctx, open)
	}
	if all.first.answer == answerStream && all.first.hello != nil && !all.first.mine() && ctx.Err() == nil {
		x.say("the answer is that to an earlier request: asking again past the cache")
		open.bust = true
		all.cached, all.first = all.first, x.visit(ctx, open)
	}
	if all.first.streams() && ctx.Err() == nil {
		x.again(ctx, all, open)
	}
	return all, nil
}

// again makes the visits after the first one.
func (x *examination) again(ctx context.Context, all *visits, open ask) {
	if all.first.mine() {
		x.measure(ctx, all, open)
		return
	}
	open.watch = lateHead
	all.second = x.visit(ctx, open)
}

// streams reports whether the answer is an event stream.
func (v *visit) streams() bool {
	return v.status != 0 && v.ending != answered && v.ending != failed
}

// refused returns an error if there is nothing to examine.
func (v *visit) refused(ctx context.Context) error {
	switch {
	case v.ending == failed:
		return fmt.Errorf("tidings: doctor: %s", clean(harmless(v.err), 300))
	case ctx.Err() != nil && v.status == 0:
		return fmt.Errorf("tidings: doctor: no answer yet: %w", context.Cause(ctx))
	case v.answer == answerToken:
		return ErrToken
	case v.answer == answerBusy:
		return ErrBusy
	case v.answer == answerPlan:
		return errors.New("tidings: doctor: the probe is of another version, or its MaxTime is too short")
	}
	return nil
}

// measure makes the visits that need a probe, all at a time.
func (x *examination) measure(ctx context.Context, all *visits, open ask) {
	longest := time.Duration(all.first.hello.Longest) * time.Millisecond
	silence := plan{before: 1, every: 100 * time.Millisecond, pause: x.cfg.Idle, after: 1}
	silence.pause = min(silence.pause, longest-2*silence.every)
	steady := plan{before: min(int(min(x.cfg.Watch, longest)/steadyEvery), maxTicks), every: steadyEvery}

	var tasks sync.WaitGroup
	takes := all.first.ask.plan.length()
	visit := func(into **visit, a ask) {
		takes = max(takes, a.plan.length())
		tasks.Go(func() { *into = x.visit(ctx, a) })
	}
	again := open
	again.lastID = "doctor-" + newRun()
	visit(&all.second, again)
	if silence.pause > 0 {
		visit(&all.idle, ask{plan: silence, plain: open.plain, bust: true})
	}
	if steady.length() > timeline().length() {
		visit(&all.watch, ask{plan: steady, plain: open.plain, bust: true})
	}
	tasks.Go(func() { all.leave = x.depart(ctx, open.plain) })
	x.say("a probe has answered: the same again, a silence, a long stream and a client that leaves: about %v",
		takes.Round(time.Second))
	stop := x.tick(takes)
	tasks.Wait()
	stop()
	x.confirm(ctx, all, open)
}

// confirm looks again where events were late: a machine that was busy for a
// moment is no finding.
func (x *examination) confirm(ctx context.Context, all *visits, open ask) {
	if all.timelines().worst >= late && ctx.Err() == nil {
		x.say("events came late: the same once more")
		all.third = x.visit(ctx, open)
	}
	if all.timelines().worst < late && all.silences().worst >= late && ctx.Err() == nil {
		x.say("an event came late: the silence once more")
		again := all.idle.ask
		again.plan.run = ""
		all.still = x.visit(ctx, again)
	}
}

// tick reports progress every 5 seconds, until stop is called.
func (x *examination) tick(takes time.Duration) (stop func()) {
	began := time.Now()
	ticker := time.NewTicker(5 * time.Second)
	done := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		for {
			select {
			case <-ticker.C:
				x.say("%v of about %v", time.Since(began).Round(time.Second), takes.Round(time.Second))
			case <-done:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		ticking.Wait()
	}
}
