package doctor

import "slices"

// Code names a kind of finding. Codes do not change between releases.
type Code string

// The kinds of findings.
const (
	// Status means that the answer has a status that ends an EventSource for
	// good: any but 200.
	Status Code = "status"
	// Redirect means that the URL leads to another origin, to a login say.
	Redirect Code = "redirect"
	// ContentType means that the answer is no event stream.
	ContentType Code = "content-type"
	// Buffering means that a proxy holds events back.
	Buffering Code = "buffering"
	// MissingFlush means that the app, or its middleware, holds back the head or
	// events.
	MissingFlush Code = "missing-flush"
	// Compression means that the stream is compressed on its way.
	Compression Code = "compression"
	// IdleTimeout means that a stream is cut while it is silent.
	IdleTimeout Code = "idle-timeout"
	// Cut means that a stream is cut although events flow.
	Cut Code = "cut"
	// Cache means that an answer was given twice.
	Cache Code = "cache"
	// CacheControl means that a proxy, or middleware, changes whether an answer
	// may be kept.
	CacheControl Code = "cache-control"
	// ETag means that the stream has a validator.
	ETag Code = "etag"
	// HTTP10 means that HTTP/1.0 is spoken on a part of the way.
	HTTP10 Code = "http-1.0"
	// SixConnections means that browsers open six streams at most.
	SixConnections Code = "six-connections"
	// LeaveUnnoticed means that the app does not hear of clients that leave.
	LeaveUnnoticed Code = "leave-unnoticed"
	// LastEventID means that the app does not receive the last event ID.
	LastEventID Code = "last-event-id"
	// NoProbe means that the URL is not that of a probe.
	NoProbe Code = "no-probe"
	// Unmeasured means that something could not be measured.
	Unmeasured Code = "unmeasured"
)

// Severity says how much a finding matters.
type Severity string

// The severities.
const (
	// Info is for what need not be changed.
	Info Severity = "info"
	// Warning is for what costs something.
	Warning Severity = "warning"
	// Error is for what breaks streams.
	Error Severity = "error"
)

// rank returns the place of a severity in a report.
func (s Severity) rank() int {
	return slices.Index([]Severity{Error, Warning, Info}, s)
}

// Finding is something that is in the way of a stream.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Measured says what was measured, with numbers, in a sentence.
	Measured string `json:"measured"`
	// Seconds is the delay or the time that was measured, 0 if there is none.
	Seconds float64 `json:"seconds,omitempty"`
	// Why says why it matters, in a sentence.
	Why string `json:"why"`
	// Fixes are lines of configuration that change it, those of the server that
	// has answered first.
	Fixes []Fix `json:"fixes,omitempty"`
}

// Fix is what to change, and where.
type Fix struct {
	// Where is a server, a proxy or a framework: "nginx", say.
	Where string `json:"where"`
	// Line is what to write there.
	Line string `json:"line"`
}

// reasons returns why the kinds of findings matter.
func reasons() map[Code]string {
	return map[Code]string{
		Status:         "An EventSource gives up for good after any status but 200: the page gets no events until it is loaded again.",
		Redirect:       "An EventSource follows it to another origin only where that one allows it (CORS), and a login page is no stream.",
		ContentType:    "An EventSource gives up for good after any type but text/event-stream: most often it is a login or an error page.",
		Buffering:      "A proxy, or middleware, collects events and passes them on together: pages get them late, or when the stream ends.",
		MissingFlush:   "What the app has written does not leave it: pages wait for the connection to open, and for their events.",
		Compression:    "A compressor that is not flushed after each event holds events back, and takes memory for each stream.",
		IdleTimeout:    "Streams that have nothing to say are cut: pages reconnect again and again, and miss events without a replay.",
		Cut:            "Streams are cut while events flow: pages reconnect again and again, and miss events without a replay.",
		Cache:          "Pages get what another client was sent, in place of what happens now.",
		CacheControl:   "Caches on the way, and the browser's own, may keep the stream and give it to another client.",
		ETag:           "An ETag is computed from a whole answer, which collects it first, and may lead to a 304, which ends an EventSource.",
		HTTP10:         "HTTP/1.0 has no chunks: a stream that is cut looks complete, and some clients take half an event for a whole one.",
		SixConnections: "Over HTTP/1.1 a browser opens six connections to a host, in all tabs together: the seventh page waits for ever.",
		LeaveUnnoticed: "Streams of clients that are gone stay open in the app: they take memory, count for limits, and are shown as present.",
		LastEventID:    "Pages that reconnect miss what happened meanwhile: the app does not know where they were.",
		NoProbe:        "Delays, what reaches the app, and whether it notices clients that leave are measured with a probe: mount doctor.Endpoint.",
		Unmeasured:     "The report does not cover it.",
	}
}
