package doctor

import (
	"errors"
	"net/url"
	"strconv"
	"time"
)

// What the doctor and the probe say to each other.
const (
	// planField is the header field of a request that holds a plan. In an
	// answer it says that a probe has answered, and how.
	planField = "Tidings-Probe"
	// tokenField is the header field of a request that holds the token.
	tokenField = "Tidings-Probe-Token"
	// bustField is the query parameter that tells requests apart for caches.
	bustField = "tidings-probe"

	answerStream = "stream" // the events of a plan follow
	answerToken  = "token"  // refused: the token is missing or wrong
	answerBusy   = "busy"   // refused: too many streams
	answerPlan   = "plan"   // refused: no such plan

	helloName  = "tidings-hello"
	tickName   = "tidings-tick"
	endName    = "tidings-end"
	recordName = "tidings-record"
)

const (
	maxPlanBytes = 256
	maxTicks     = 4096
	minEvery     = 10 * time.Millisecond
	runDigits    = 32

	smallTicks = 8 // of a plan's first events
	tickEvery  = 250 * time.Millisecond
)

var errPlan = errors.New("tidings: doctor: not a plan")

// plan is what a stream of the probe sends: a hello, events before and after a
// silence, and an end.
type plan struct {
	run    string        // names the stream: random, runDigits hexadecimal digits
	record bool          // send the record of run instead
	before int           // events before the silence
	every  time.Duration // what passes before each event
	pause  time.Duration // the silence: nothing is sent, not even a heartbeat
	after  int           // events after the silence
}

// timeline is the plan that delays are measured with.
func timeline() plan { return plan{before: smallTicks + 4, every: tickEvery} }

// length returns how long a stream of the plan takes.
func (p plan) length() time.Duration {
	return p.every*time.Duration(p.before+p.after) + p.pause
}

// events returns how many events a stream of the plan sends.
func (p plan) events() int {
	if p.record {
		return 1
	}
	return p.before + p.after + 2 // with the hello and the end
}

// padding returns how many bytes are added to the nth event: the first ones
// are small, as most events are; then come sizes that fill the buffers of
// proxies.
func padding(n int) int {
	if n <= smallTicks || n > smallTicks+4 {
		return 0
	}
	return 1 << 10 << (2 * (n - smallTicks - 1)) // 1, 4, 16 and 64 KiB
}

// String returns the plan as a request says it.
func (p plan) String() string {
	v := url.Values{"run": {p.run}}
	if p.record {
		v.Set("record", "1")
		return v.Encode()
	}
	for name, n := range map[string]int64{
		"before": int64(p.before), "after": int64(p.after),
		"every": p.every.Milliseconds(), "pause": p.pause.Milliseconds(),
	} {
		v.Set(name, strconv.FormatInt(n, 10))
	}
	return v.Encode()
}

// parsePlan returns the plan that a request says. An empty text is the
// timeline, for a look at the probe with a browser.
func parsePlan(text string, longest time.Duration) (plan, error) {
	if text == "" {
		return timeline(), nil
	}
	if len(text) > maxPlanBytes {
		return plan{}, errPlan
	}
	v, err := url.ParseQuery(text)
	if err != nil || !isRun(v.Get("run")) {
		return plan{}, errPlan
	}
	p := plan{run: v.Get("run"), record: v.Get("record") != ""}
	if p.record {
		return p, nil
	}
	var numbers [4]int
	for i, name := range []string{"before", "after", "every", "pause"} {
		if numbers[i], err = strconv.Atoi(v.Get(name)); err != nil || numbers[i] < 0 || numbers[i] > 1<<30 {
			return plan{}, errPlan
		}
	}
	p.before, p.after = numbers[0], numbers[1]
	p.every = time.Duration(numbers[2]) * time.Millisecond
	p.pause = time.Duration(numbers[3]) * time.Millisecond
	if p.before > maxTicks || p.after > maxTicks || p.every < minEvery || p.length() > longest {
		return plan{}, errPlan
	}
	return p, nil
}

// isRun reports whether a text names a run.
func isRun(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(text) == runDigits
}

// hello is the first event of a stream of the probe.
type hello struct {
	Run     string `json:"run"`
	At      int64  `json:"at"`      // microseconds since the stream has begun
	Longest int64  `json:"longest"` // milliseconds that a plan may take
	App     App    `json:"app"`
}

// tick is an event of a plan, and its end.
type tick struct {
	N   int    `json:"n"`
	At  int64  `json:"at"` // microseconds since the stream has begun
	Pad string `json:"pad,omitempty"`
}

// record says what became of a stream of the probe.
type record struct {
	Run   string `json:"run"` // the request's own, to tell a cached answer
	Known bool   `json:"known"`
	Ended bool   `json:"ended"`
	Left  bool   `json:"left"` // it ended because its client was gone
	Ago   int64  `json:"ago"`  // microseconds since it has ended
}

// App is what the app received of a request of the doctor's: what proxies made
// of it.
type App struct {
	// Protocol is the HTTP version of the last hop, between the last proxy and
	// the app.
	Protocol string `json:"protocol"`
	// Via is the header field of that name, which lists proxies.
	Via string `json:"via,omitempty"`
	// ForwardedFor is the number of addresses in X-Forwarded-For and Forwarded.
	ForwardedFor int `json:"forwarded_for"`
	// ForwardedProto is X-Forwarded-Proto: the scheme that the client uses, as a
	// proxy says it.
	ForwardedProto string `json:"forwarded_proto,omitempty"`
	// AcceptEncoding is the header field of that name.
	AcceptEncoding string `json:"accept_encoding,omitempty"`
	// LastEventID is what the app would resume after.
	LastEventID string `json:"last_event_id,omitempty"`
	// PeerPort is the port that the request came from, 0 if there is none.
	PeerPort int `json:"peer_port"`
}
