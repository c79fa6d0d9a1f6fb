package doctor

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// judge turns what was seen into findings.
type judge struct {
	cfg      Config
	all      *visits
	server   string // that has answered
	direct   bool   // there is no proxy
	findings []Finding
}

// find adds a finding.
func (j *judge) find(c Code, s Severity, after time.Duration, format string, args ...any) {
	f := Finding{
		Code: c, Severity: s, Measured: fmt.Sprintf(format, args...), Seconds: after.Seconds(), Why: reasons()[c],
	}
	if status := j.all.first.status; c != Status || status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout {
		f.Fixes = fixes(c, j.server, j.direct)
	}
	j.findings = append(j.findings, f)
}

// judge judges all that was seen.
func (j *judge) judge() {
	v := j.all.first
	if !j.opened(v) {
		return
	}
	j.protocol(v)
	j.compression(v)
	j.validator(v)
	j.cache(v)
	if v.answer == "" {
		j.stranger(v)
		return
	}
	j.cut()
	if v.ending == overdue {
		j.find(Buffering, Error, v.endedAt, "The head came after %s, and within %s %d events of %d.",
			seconds(v.headAt), seconds(v.endedAt), v.events, v.ask.plan.events())
	}
	if !v.mine() {
		return
	}
	j.delay(v)
	j.app(v)
	j.silence()
	j.departure()
	j.others()
}

// opened judges whether an EventSource would open, and reports whether there is
// a stream to judge.
func (j *judge) opened(v *visit) bool {
	switch {
	case v.outside != "":
		j.find(Redirect, Error, 0, "Status %d leads to another origin, %s. It was not followed: if it is yours, examine that.", v.status, v.outside)
		return false
	case v.status == 0 && v.ending == overdue:
		j.find(MissingFlush, Error, v.endedAt, "No head of an answer came within %s.", seconds(v.endedAt))
		return false
	case v.status == 0:
		return false
	case v.status == http.StatusInternalServerError && strings.HasPrefix(v.excerpt, "Streaming is not possible here"):
		j.direct = true // only the app's own middleware can be what hides it
		j.find(MissingFlush, Error, 0, "Status 500: the app says that its response cannot be flushed: a middleware's writer hides Flush.")
		return false
	case v.status != http.StatusOK:
		j.find(Status, Error, v.headAt, "Status %d after %s: %s.", v.status, seconds(v.headAt), cause(v.status))
		return false
	case !isEventStream(v.header):
		j.find(ContentType, Error, 0, "The content type is %s, not text/event-stream.", quoted(field(v.header, "Content-Type")))
		return false
	}
	return true
}

// cause returns what a status says about who has answered.
func cause(status int) string {
	switch status {
	case http.StatusNoContent:
		return "it tells an EventSource to stop, as the app does when there will be no more events"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "the app, or a proxy, wants a login: an EventSource sends cookies, and no header fields of its own"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "there is no such route in the app, or a proxy passes another path on"
	case http.StatusTooManyRequests:
		return "a limit of the app's, or of a proxy's, is reached"
	case http.StatusBadGateway:
		return "a proxy got no answer from the app: it is down, restarting, or listens elsewhere"
	case http.StatusServiceUnavailable:
		return "a proxy knows no app that is up, or the app refuses: it is draining, or full"
	case http.StatusGatewayTimeout:
		return "a proxy has waited too long for the head of the app's answer"
	}
	switch {
	case status >= http.StatusInternalServerError:
		return "the app, or a proxy, has failed"
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return "redirects lead in a circle, or nowhere"
	}
	return "it is no event stream"
}

// protocol judges the HTTP version of the public side.
func (j *judge) protocol(v *visit) {
	switch {
	case strings.HasPrefix(v.proto, "HTTP/1.0"):
		j.find(HTTP10, Warning, 0, "The answer is one of HTTP/1.0.")
	case strings.HasPrefix(v.proto, "HTTP/1.") && v.secure:
		j.find(SixConnections, Warning, 0, "The server has chosen HTTP/1.1, where HTTP/2 was offered.")
	case strings.HasPrefix(v.proto, "HTTP/1."):
		j.find(SixConnections, Info, 0, "The URL is one of http, which browsers speak over HTTP/1.1 only: serve it with TLS, and HTTP/2.")
	}
}

// compression judges whether the stream is compressed.
func (j *judge) compression(v *visit) {
	if j.all.packed != nil {
		v = j.all.packed
		j.find(Unmeasured, Info, 0, "How late events are with Content-Encoding: %s: the doctor cannot unpack it.", clean(v.encoding, 40))
	}
	if v.encoded() {
		j.find(Compression, Warning, 0, "The stream has Content-Encoding: %s.", clean(v.encoding, 40))
	}
}

// validator judges whether the stream has an ETag, or the like.
func (j *judge) validator(v *visit) {
	for _, name := range []string{"ETag", "Last-Modified"} {
		if value := field(v.header, name); value != "" {
			j.find(ETag, Warning, 0, "The stream has %s: %s.", name, value)
		}
	}
}

// cache judges whether an answer was kept.
func (j *judge) cache(v *visit) {
	for _, w := range []*visit{j.all.cached, j.all.first, j.all.second} {
		if w == nil || !w.streams() {
			continue
		}
		if w.hello != nil && !w.mine() {
			j.find(Cache, Error, 0, "The answer was that to an earlier request: it came whole after %s.", seconds(w.endedAt))
			return
		}
		if how := kept(w.header); how != "" {
			j.find(Cache, Error, 0, "The answer came from a cache: %s.", how)
			return
		}
	}
	said := strings.ToLower(field(v.header, "Cache-Control"))
	if v.answer != "" && !strings.Contains(said, "no-cache") && !strings.Contains(said, "no-store") {
		j.find(CacheControl, Warning, 0, "Cache-Control is %s; the app has sent no-cache, no-transform.", quoted(said))
	}
	if v.answer == "" && !strings.Contains(said, "no-cache") && !strings.Contains(said, "no-store") {
		j.find(CacheControl, Info, 0, "Cache-Control is %s, without no-cache or no-store.", quoted(said))
	}
}

// kept returns the header field that says that a cache has answered, if there
// is one.
func kept(h http.Header) string {
	if age, err := strconv.Atoi(h.Get("Age")); err == nil && age > 0 {
		return "Age: " + strconv.Itoa(age)
	}
	for _, name := range []string{"X-Cache", "X-Cache-Status", "Cf-Cache-Status", "X-Proxy-Cache", "Cache-Status"} {
		value := field(h, name)
		words := strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return !unicode.IsLetter(r) })
		if slices.Contains(words, "hit") || slices.Contains(words, "refreshhit") {
			return name + ": " + value
		}
	}
	return ""
}

// stranger judges a stream that is not a probe's.
func (j *judge) stranger(v *visit) {
	if v.headAt >= lateHead {
		j.find(MissingFlush, Warning, v.headAt, "The head of the answer came after %s.", seconds(v.headAt))
	}
	switch v.ending { //nolint:exhaustive // The others are no findings.
	case broken:
		j.find(Cut, Warning, v.endedAt, "The stream was broken off after %s, %s after its last byte: %s.",
			seconds(v.endedAt), seconds(v.endedAt-v.byteAt), v.why)
	case closed:
		severity := Info
		if v.events == 0 {
			severity = Warning // this is how proxies answer for an app that is down
		}
		j.find(Cut, severity, v.endedAt, "The stream ended after %s and %d events: a proxy has cut it, or the app has ended it.",
			seconds(v.endedAt), v.events)
	}
	j.find(NoProbe, Info, 0, "The URL is that of an event stream, %d events in %s, and not of a probe.",
		v.events, seconds(v.endedAt))
}

// seconds returns a time as a report shows it.
func seconds(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}

// quoted returns the value of a header field as a report shows it.
func quoted(value string) string {
	if value == "" {
		return "not there"
	}
	return strconv.Quote(value)
}
