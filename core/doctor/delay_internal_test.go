package doctor

import (
	"testing"
	"time"
)

// timed returns a visit whose nth event, sent after n tickEvery, came that late.
func timed(skew time.Duration, lates ...time.Duration) *visit {
	v := &visit{ask: ask{plan: timeline()}, hello: &hello{}}
	for n, by := range lates {
		sent := time.Duration(n) * tickEvery
		v.arrivals = append(v.arrivals, arrival{n: n, sent: sent, came: sent + by + skew, size: 10})
	}
	return v
}

func TestDelays(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, test := range []struct {
		name     string
		visit    *visit
		worst    time.Duration
		n        int
		together int
		held     int
	}{
		{name: "none", visit: timed(0, 0, 0, 0)},
		{name: "clocks that differ", visit: timed(time.Hour, 0, 0, 0)},
		{name: "one late", visit: timed(-time.Hour, 0, 200*ms, 0), worst: 200 * ms, n: 1, together: 2, held: 30},
		{
			name: "all together", visit: timed(5*ms, 1000*ms, 750*ms, 500*ms, 250*ms, 0),
			worst: 1000 * ms, together: 5, held: 50,
		},
		{
			name:  "a slow network",
			visit: timed(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1000*ms, 2000*ms, 3000*ms),
		},
	} {
		d := test.visit.delays()
		if !d.measured || d.worst != test.worst || d.n != test.n || d.together != test.together || d.held != test.held {
			t.Errorf("%s: got %+v, want %v of event %d, with %d together and %d bytes",
				test.name, d, test.worst, test.n, test.together, test.held)
		}
	}
	if d := timed(0).delays(); d.measured {
		t.Errorf("nothing: got %+v", d)
	}
}

// The doctor says what the probe understands.
func TestPlanRoundTrip(t *testing.T) {
	t.Parallel()
	for _, want := range []plan{
		{run: newRun(), record: true},
		{run: newRun(), before: 12, every: tickEvery},
		{run: newRun(), before: 1, after: 2, every: 20 * time.Millisecond, pause: 70 * time.Second},
	} {
		if got, err := parsePlan(want.String(), time.Hour); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

// The ledger forgets the oldest streams.
func TestLedger(t *testing.T) {
	t.Parallel()
	const most = 10
	l := ledger{limit: most}
	first := newRun()
	l.opened(first)
	l.closed(first, nil)
	if r := l.record(first); !r.Known || !r.Ended || r.Left {
		t.Errorf("got %+v, want one that has ended", r)
	}
	l.opened("")
	for range 2 * most {
		l.opened(newRun())
	}
	l.closed(first, nil)
	if r := l.record(first); r.Known || len(l.runs) != most || len(l.order) != most {
		t.Errorf("got %+v, and %d of %d runs, want %d", r, len(l.runs), len(l.order), most)
	}
}

// What has answered comes first among the fixes; without a proxy, there is
// nothing to change in one.
func TestFixes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		server string
		direct bool
		first  string
	}{
		{"nginx/1.22.1", false, "nginx"},
		{"Apache/2.4.66 (Debian)", false, "Apache"},
		{"", false, "nginx"},
		{"", true, "Gin"},
	} {
		all := fixes(Compression, test.server, test.direct)
		if all[0].Where != test.first || len(all) != 7 && !test.direct {
			t.Errorf("server %q: got %+v, want %s first", test.server, all, test.first)
		}
	}
	for code := range reasons() {
		for _, f := range fixes(code, "", false) {
			if f.Where == "" || f.Line == "" {
				t.Errorf("%s: got an empty line in %+v", code, f)
			}
		}
	}
}

// A delay counts if all visits of the kind have it.
func TestLeastDelay(t *testing.T) {
	t.Parallel()
	held, prompt := timed(0, 2*time.Second, 0), timed(0, 0, 0)
	held.ending, prompt.ending = complete, complete
	left := timed(0, 0, 0) // interrupted: it proves nothing
	for _, test := range []struct {
		all  visits
		want time.Duration
	}{
		{visits{first: held}, 2 * time.Second},
		{visits{first: held, second: held, third: held}, 2 * time.Second},
		{visits{first: held, second: held, third: left}, 2 * time.Second},
		{visits{first: held, second: prompt}, 0},
		{visits{first: held, second: held, third: prompt}, 0},
	} {
		if got := test.all.timelines(); got.worst != test.want {
			t.Errorf("%+v: got %v, want %v", test.all, got.worst, test.want)
		}
	}
	held.ask.plan.pause, prompt.ask.plan.pause = 2*time.Second, 2*time.Second
	if got := (&visits{idle: held, still: held}).silences(); got.worst != 2*time.Second {
		t.Errorf("two silences: got %v, want 2s", got.worst)
	}
	if got := (&visits{idle: held, still: prompt}).silences(); got.measured {
		t.Errorf("one silence: got %v, want none", got.worst)
	}
}
