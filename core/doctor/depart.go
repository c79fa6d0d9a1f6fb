package doctor

import (
	"context"
	"time"
)

// The stream that the doctor leaves: it says something, is silent, and then
// says more, so that it shows whether a departure is noticed by itself, or with
// the next event.
const (
	departQuiet = 4 * time.Second
	departEvery = 250 * time.Millisecond
	departAfter = 12
	departStay  = 2 * time.Second // at most, if nothing comes
)

// departure is what the app knows of a client that has left.
type departure struct {
	visit   *visit
	made    bool          // the doctor was there, and left
	asked   bool          // the app has said what it knows
	lost    bool          // the app that was asked does not know of the stream
	noticed bool          // the app knows that the client has left
	after   time.Duration // how long that took
	quiet   bool          // nothing was sent meanwhile
}

// depart opens a stream, leaves it, and asks the app about it.
func (x *examination) depart(ctx context.Context, plain bool) departure {
	p := plan{run: newRun(), before: 1, every: departEvery, pause: departQuiet, after: departAfter}
	v := x.visit(ctx, ask{plan: p, plain: plain, bust: true, leave: 2, within: departStay})
	d := departure{visit: v, made: v.ending == left && ctx.Err() == nil && (v.hello == nil || v.mine())}
	silent := v.began.Add(p.every + p.pause) // until then, nothing is sent
	last := v.began.Add(p.length() + time.Second)
	wait := 100 * time.Millisecond
	for d.made && !d.noticed && ctx.Err() == nil {
		final := time.Now().After(last)
		x.inquire(ctx, &d, p.run, plain, v.leftAt, silent)
		if final || d.lost {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		wait = min(2*wait, time.Second)
	}
	return d
}

// inquire asks the app what has become of the stream that the doctor left.
func (x *examination) inquire(ctx context.Context, d *departure, name string, plain bool, leftAt, silent time.Time) {
	v := x.visit(ctx, ask{plan: plan{run: name, record: true}, plain: plain, bust: true, within: headWait})
	if v.record == nil || v.record.Run != name {
		return
	}
	d.asked, d.lost = true, !v.record.Known
	if v.record.Ended && v.record.Left {
		at := v.began.Add(v.endedAt).Add(-time.Duration(v.record.Ago) * time.Microsecond)
		d.noticed, d.after, d.quiet = true, max(0, at.Sub(leftAt)), at.Before(silent)
	}
}
