package doctor

import (
	"fmt"
	"time"
)

// delay judges whether events are held back: in all timelines, or before all
// silences.
func (j *judge) delay(v *visit) {
	d := j.all.timelines()
	if d.worst < late {
		d = j.all.silences()
	}
	switch {
	case d.worst < late, v.ending == overdue: // it is judged already
	case j.direct:
		j.find(MissingFlush, Error, d.worst, "There is no proxy, and %s", d)
	default:
		j.find(Buffering, Error, d.worst, "%s", d)
	}
}

// others judges the visits that did not get what the first one got.
func (j *judge) others() {
	visits := []*visit{j.all.second, j.all.idle, j.all.watch, j.all.leave.visit}
	for i, what := range []string{"a second stream", "a silent stream", "a long stream", "a stream that is left"} {
		v := visits[i]
		switch {
		case v == nil:
		case v.ending == failed:
			j.find(Unmeasured, Info, 0, "What becomes of %s: %s.", what, clean(harmless(v.err), 200))
		case v.answer == answerBusy:
			j.find(Unmeasured, Info, 0, "What becomes of %s: the probe is busy.", what)
		case v.ending == answered:
			j.find(Status, Warning, 0, "Of some requests at a time, %s got status %d: %s.", what, v.status, cause(v.status))
		}
	}
}

// String returns what a delay is, in words.
func (d delay) String() string {
	return fmt.Sprintf("event %d came %s late, together with %d others, once the app had sent %d bytes.",
		d.n, seconds(d.worst), d.together-1, d.held)
}

// app judges what the app has received.
func (j *judge) app(v *visit) {
	if v.hello.App.Protocol == "HTTP/1.0" {
		j.find(HTTP10, Warning, 0, "A proxy speaks HTTP/1.0 to the app.")
	}
	if s := j.all.second; s != nil && s.mine() && s.hello.App.LastEventID != s.ask.lastID {
		j.find(LastEventID, Error, 0, "The Last-Event-ID that was sent did not reach the app: it got %s.",
			quoted(s.hello.App.LastEventID))
	}
}

// cut judges whether streams end although events flow.
func (j *judge) cut() {
	for _, v := range []*visit{j.all.watch, j.all.first, j.all.second} {
		if v == nil || !v.cut() || v.hello != nil && !v.mine() {
			continue
		}
		j.find(Cut, Error, v.endedAt, "A stream of %s with an event each %s ended after %s%s.",
			seconds(v.ask.plan.length()), seconds(v.ask.plan.every), seconds(v.endedAt), v.manner())
		return
	}
}

// manner returns how a stream was cut.
func (v *visit) manner() string {
	if v.ending == broken {
		return ", broken off: " + v.why
	}
	return ", as if it were complete"
}

// silence judges whether a silent stream is cut.
func (j *judge) silence() {
	v := j.all.idle
	if v == nil || !v.mine() && v.hello != nil {
		return
	}
	pause := v.ask.plan.pause
	if pause < j.cfg.Idle {
		j.find(Unmeasured, Info, 0, "The probe allows a silence of %s, not of %s: see its MaxTime.",
			seconds(pause), seconds(j.cfg.Idle))
	}
	if !v.cut() || v.endedAt < v.ask.plan.every {
		return
	}
	if w := j.all.watch; w != nil && w.cut() && w.endedAt < v.endedAt+late {
		return // it is cut in any case
	}
	silent := v.endedAt - v.byteAt
	if v.byteAt > v.ask.plan.every+late {
		silent = v.endedAt - v.ask.plan.every // what came before the silence was held back until its end
	}
	severity, note := Error, fmt.Sprintf("heartbeats come each %s, which is too late", seconds(j.cfg.Heartbeat))
	if silent > j.cfg.Heartbeat*6/5 {
		severity, note = Info, fmt.Sprintf("heartbeats each %s keep streams open", seconds(j.cfg.Heartbeat))
	}
	j.find(IdleTimeout, severity, silent, "A stream of which the app meant to be silent for %s was cut after %s of silence%s; %s.%s",
		seconds(pause), seconds(silent), v.manner(), note, known(silent))
}

// known returns whose default a timeout is.
func known(d time.Duration) string {
	for at, whose := range map[time.Duration]string{
		50 * time.Second:  "haproxy's in Debian's configuration",
		55 * time.Second:  "Heroku's",
		60 * time.Second:  "nginx's proxy_read_timeout, Apache's ProxyTimeout, and the idle timeout of AWS load balancers",
		100 * time.Second: "Cloudflare's",
		240 * time.Second: "Azure's load balancer",
	} {
		if d >= at-time.Second && d <= at+2*time.Second {
			return fmt.Sprintf(" It is the default of %s.", whose)
		}
	}
	return ""
}

// departure judges whether the app notices that a client has left.
func (j *judge) departure() {
	d := j.all.leave
	switch {
	case !d.made:
	case !d.asked:
		j.find(Unmeasured, Info, 0, "Whether the app notices that a client has left: it did not answer when asked.")
	case d.lost:
		j.find(Unmeasured, Info, 0, "Whether the app notices that a client has left: requests reach different processes of it.")
	case !d.noticed:
		j.find(LeaveUnnoticed, Error, 0, "The app sent events to a client that had left, and never heard of it.")
	case !d.quiet:
		j.find(LeaveUnnoticed, Warning, d.after,
			"The app noticed after %s that a client had left, and only because it sent events: on a quiet stream it takes two heartbeats, %s.",
			seconds(d.after), seconds(2*j.cfg.Heartbeat))
	}
}
