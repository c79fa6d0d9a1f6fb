package doctor

import (
	"cmp"
	"slices"
	"time"
)

// late is a delay that no network causes by itself.
const late = time.Second

// delay is how late the events of a timeline came. The clocks of the app and of
// the doctor need not agree: what counts is by how much longer an event was on
// its way than the fastest one.
type delay struct {
	measured bool
	worst    time.Duration // of the small events
	n        int           // the event that was as late as that
	together int           // how many events came with it
	held     int           // bytes that the app had sent by then
}

// timelines returns how late events were, at the least, in all timelines.
func (all *visits) timelines() delay { return least(all.first, all.second, all.third) }

// silences returns how late the event before a silence was, at the least, if it
// came with the one after it.
func (all *visits) silences() delay {
	d := least(all.idle, all.still)
	if all.idle == nil || d.worst < all.idle.ask.plan.pause*3/4 {
		return delay{}
	}
	return d
}

// least returns the smallest of the delays of visits.
func least(visits ...*visit) delay {
	var all []delay
	for i, v := range visits {
		if v == nil || i > 0 && v.ending != complete {
			continue
		}
		if d := v.delays(); d.measured {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return delay{}
	}
	return slices.MinFunc(all, func(a, b delay) int { return cmp.Compare(a.worst, b.worst) })
}

// encoded reports whether the stream is compressed.
func (v *visit) encoded() bool { return v.encoding != "" && v.encoding != "identity" }

// delays returns how late the events of a visit came. Only the small ones
// count: a large one may take its time on a slow network.
func (v *visit) delays() delay {
	if !v.mine() || len(v.arrivals) < 2 {
		return delay{}
	}
	fastest := v.arrivals[0].came - v.arrivals[0].sent
	for _, a := range v.arrivals {
		fastest = min(fastest, a.came-a.sent)
	}
	d := delay{measured: true}
	var at time.Duration // when the latest one came
	for _, a := range v.arrivals {
		if by := a.came - a.sent - fastest; a.n <= smallTicks && by > d.worst {
			d.worst, d.n, at = by, a.n, a.came
		}
	}
	if v.encoded() {
		// The doctor may get an event out of a compressed stream later than a
		// browser does: only what the network has held back counts.
		d.worst = min(d.worst, v.gap)
	}
	for _, a := range v.arrivals {
		if d.worst > 0 && a.came <= at+tickEvery/2 {
			d.held += a.size
			if a.came >= at-tickEvery/2 {
				d.together++
			}
		}
	}
	return d
}
