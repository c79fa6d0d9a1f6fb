package doctor

import (
	"slices"
	"time"
)

// Report is what an examination has found. It goes into JSON as it is.
type Report struct {
	// URL is what was examined, without its query and its password.
	URL string `json:"url"`
	// Probe reports whether a probe has answered.
	Probe bool `json:"probe"`
	// Complete reports whether the examination came to its end.
	Complete bool `json:"complete"`
	// Seconds is how long it took.
	Seconds float64 `json:"seconds"`
	// Head is the head of the first answer.
	Head Head `json:"head"`
	// App is what the app has received, nil without a probe.
	App *App `json:"app,omitempty"`
	// Direct reports that there is no proxy between the doctor and the app, as
	// far as their ports show.
	Direct bool `json:"direct"`
	// Times are what was measured.
	Times Times `json:"times"`
	// Findings are in the way of streams, the worst first.
	Findings []Finding `json:"findings"`
}

// Head is what the head of an answer says. Empty texts are fields that are not
// there.
type Head struct {
	Status          int    `json:"status"`
	Protocol        string `json:"protocol"`
	TLS             bool   `json:"tls"`
	ContentType     string `json:"content_type,omitempty"`
	ContentEncoding string `json:"content_encoding,omitempty"`
	CacheControl    string `json:"cache_control,omitempty"`
	Server          string `json:"server,omitempty"`
	Via             string `json:"via,omitempty"`
	// XAccelBuffering is not there behind nginx, which takes it away.
	XAccelBuffering string `json:"x_accel_buffering,omitempty"`
}

// Times are measured times in seconds, nil where one was not measured.
type Times struct {
	// Head is from the request to the head of the answer, Event to the first
	// event.
	Head  *float64 `json:"head,omitempty"`
	Event *float64 `json:"event,omitempty"`
	// Delay is by how much an event came later than the fastest.
	Delay *float64 `json:"delay,omitempty"`
	// Silence is how long a stream was silent without being cut, Open how long
	// one with events was open.
	Silence *float64 `json:"silence,omitempty"`
	Open    *float64 `json:"open,omitempty"`
	// Leave is how long it took the app to notice that a client had left.
	Leave *float64 `json:"leave,omitempty"`
}

// Healthy reports whether nothing is in the way: there are no findings, or
// only those of severity [Info].
func (r *Report) Healthy() bool {
	return !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity != Info })
}

// report returns what the visits show.
func (x *examination) report(all *visits) *Report {
	v := all.first
	r := &Report{
		URL: clean(bare(x.url), 300), Probe: v.answer == answerStream, Direct: v.direct(),
		Seconds: time.Since(x.began).Seconds(),
		Head: Head{
			Status: v.status, Protocol: v.proto, TLS: v.secure,
			ContentType: field(v.header, "Content-Type"), ContentEncoding: field(v.header, "Content-Encoding"),
			CacheControl: field(v.header, "Cache-Control"), Server: field(v.header, "Server"),
			Via: field(v.header, "Via"), XAccelBuffering: field(v.header, "X-Accel-Buffering"),
		},
	}
	if v.mine() {
		r.App = &v.hello.App
	}
	r.Times = times(all)
	j := &judge{cfg: x.cfg, all: all, server: r.Head.Server, direct: r.Direct}
	j.findings = make([]Finding, 0)
	j.judge()
	slices.SortStableFunc(j.findings, func(a, b Finding) int { return a.Severity.rank() - b.Severity.rank() })
	r.Findings = j.findings
	return r
}

// times returns what the visits have measured.
func times(all *visits) Times {
	var t Times
	set := func(into **float64, d time.Duration, measured bool) {
		if measured {
			seconds := d.Seconds()
			*into = &seconds
		}
	}
	v := all.first
	set(&t.Head, v.headAt, v.headAt > 0)
	set(&t.Event, v.firstAt, v.firstAt > 0)
	d := v.delays()
	set(&t.Delay, d.worst, d.measured)
	if i := all.idle; i != nil {
		set(&t.Silence, i.ask.plan.pause, i.ending == complete)
	}
	for _, w := range []*visit{all.watch, all.first} {
		if w != nil && t.Open == nil {
			set(&t.Open, w.endedAt, w.streams())
		}
	}
	set(&t.Leave, all.leave.after, all.leave.noticed)
	return t
}
