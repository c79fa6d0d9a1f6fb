package doctor

import (
	"context"
	"errors"
	"net/http"
	"time"
)

const (
	tail     = 15 * time.Second // that an answer may take longer than it should
	headWait = 20 * time.Second // for the head of an answer, besides the stream's own length
	lateHead = 3 * time.Second  // a head that takes so long is late
)

// Why a visit ends that the doctor ends.
var (
	errEnough  = errors.New("tidings: doctor: seen enough")
	errOverdue = errors.New("tidings: doctor: nothing came in time")
)

// ending says how a visit has ended.
type ending int

const (
	failed      ending = iota // there was no answer
	answered                  // with something that is no stream
	complete                  // with the end that the plan says
	closed                    // the stream was closed, as if in order
	broken                    // the stream was broken off
	left                      // the doctor has left
	overdue                   // nothing came for too long
	full                      // the answer has exceeded what the doctor reads
	undecodable               // the doctor cannot read what it is compressed with
)

// ask says what a visit asks for.
type ask struct {
	plan   plan
	lastID string        // to resume after
	plain  bool          // nothing is to be compressed
	bust   bool          // no cache may know the URL
	watch  time.Duration // how long to stay at a stream without a probe
	leave  int           // leave after so many events; 0: stay
	within time.Duration // leave after that time, whatever has come; 0: stay
}

// visit is one request of the doctor's, and what came back. Times are since it
// was sent.
type visit struct {
	ask    ask
	began  time.Time
	err    error // of one that failed
	ending ending
	why    string // of one that was broken off

	status   int
	proto    string
	secure   bool
	header   http.Header
	excerpt  string // of an answer that is no stream
	outside  string // the other origin that a redirect leads to
	port     int    // that the request was sent from
	headAt   time.Duration
	endedAt  time.Duration
	leftAt   time.Time
	answer   string // of the probe
	encoding string

	hello    *hello
	record   *record
	arrivals []arrival
	events   int           // of any kind
	firstAt  time.Duration // when the first event came
	byteAt   time.Duration // when the last byte came, 0 if none did
	gap      time.Duration // the longest time without a byte
	bytes    int64
}

// arrival is when an event of the probe came.
type arrival struct {
	n    int
	sent time.Duration // since the stream has begun, on the app's clock
	came time.Duration // since the request was sent, on the doctor's
	size int           // of its data, in bytes
}

// visit sends a request, and reads what comes back. It returns when that has
// ended, or is enough.
func (x *examination) visit(ctx context.Context, a ask) *visit {
	if a.plan.run == "" {
		a.plan.run = newRun()
	}
	v := &visit{ask: a, began: time.Now()}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errEnough)
	head := time.AfterFunc(a.plan.length()+headWait, func() { cancel(errOverdue) })
	defer head.Stop()
	if a.within > 0 {
		defer time.AfterFunc(a.within, func() { cancel(errEnough) }).Stop()
	}
	transport := x.transport()
	defer transport.CloseIdleConnections()
	resp, err := x.send(ctx, transport, v)
	head.Stop()
	if err != nil {
		v.end(ctx, err)
		v.leftAt = time.Now()
		return v
	}
	defer func() { _ = resp.Body.Close() }()
	v.headAt = time.Since(v.began)
	defer time.AfterFunc(v.patience(), func() { cancel(errOverdue) }).Stop()
	v.read(ctx, resp)
	// The connection is closed before the time is taken: from then on, the app
	// can know.
	cancel(errEnough)
	_ = resp.Body.Close()
	transport.CloseIdleConnections()
	v.leftAt = time.Now()
	return v
}

// patience returns how long to read an answer.
func (v *visit) patience() time.Duration {
	if v.answer == "" {
		return v.ask.watch
	}
	return v.ask.plan.length() + tail
}

// end takes note of how the visit has ended, where err is what that looks like.
func (v *visit) end(ctx context.Context, err error) {
	v.endedAt = time.Since(v.began)
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errOverdue) && v.status == http.StatusOK && v.answer == "":
		v.ending = left // a stream without a probe was watched for long enough
	case errors.Is(cause, errOverdue):
		v.ending = overdue
	case cause != nil:
		v.ending = left
	case v.status == 0:
		v.ending, v.err = failed, err
	default:
		v.ending, v.why = broken, clean(harmless(err), 200)
	}
}

// cut reports whether the stream was ended, not by this visit, before its end.
func (v *visit) cut() bool {
	return v.status == http.StatusOK && (v.ending == closed || v.ending == broken)
}

// mine reports whether the answer is to this very request, and not to an
// earlier one.
func (v *visit) mine() bool { return v.hello != nil && v.hello.Run == v.ask.plan.run }

// direct reports whether there is no proxy between the doctor and the app.
func (v *visit) direct() bool {
	return v.mine() && v.port != 0 && v.port == v.hello.App.PeerPort && v.hello.App.Via == ""
}
