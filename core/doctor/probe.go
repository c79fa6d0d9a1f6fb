package doctor

import (
	"crypto/sha256"
	"crypto/subtle"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core"
)

// maxSaid bounds each text of a request that the probe repeats.
const maxSaid = 128

// probe is the app's side of an examination.
type probe struct {
	hub     *core.Hub
	cfg     EndpointConfig
	token   [sha256.Size]byte
	open    bool // needs no token
	streams atomic.Int64
	runs    ledger
}

// player sends what a plan says on a stream.
type player struct {
	probe   *probe
	stream  *core.Stream
	plan    plan
	app     App
	channel string

	playing   sync.WaitGroup
	left      atomic.Int64 // events to deliver
	delivered chan struct{}
}

// playerKey is the key of a player in its stream.
type playerKey struct{}

// admit refuses strangers, what is too much, and what is no plan.
func (p *probe) admit(s *core.Handshake) error {
	r := s.Request()
	token := sha256.Sum256([]byte(r.Header.Get(tokenField)))
	if !p.open && subtle.ConstantTimeCompare(token[:], p.token[:]) != 1 {
		return refuse(http.StatusForbidden, answerToken, "The probe's token is missing or wrong.")
	}
	// A copy, since the ledger keeps a part of it.
	asked, err := parsePlan(strings.Clone(r.Header.Get(planField)), p.cfg.MaxTime)
	if err != nil {
		return refuse(http.StatusBadRequest, answerPlan, "The probe has no such plan.")
	}
	if p.streams.Add(1) > int64(p.cfg.MaxStreams) {
		p.streams.Add(-1)
		return refuse(http.StatusTooManyRequests, answerBusy, "The probe has too many streams.")
	}
	play := &player{probe: p, stream: s.Stream, plan: asked, app: received(s), channel: s.PrivateChannel()}
	play.delivered = make(chan struct{})
	play.left.Store(int64(asked.events()))
	if !asked.record {
		p.runs.opened(asked.run)
	}
	s.OnOpen(func() { play.playing.Go(play.run) })
	s.OnDeliver(func(events, _ int) {
		if events > 0 && play.left.Add(int64(-events)) == 0 {
			close(play.delivered)
		}
	})
	s.OnClose(func(sum core.Summary) {
		play.playing.Wait() // it ends with the stream
		p.streams.Add(-1)
		if !asked.record {
			p.runs.closed(asked.run, sum.Reason)
		}
	})
	s.Header().Set(planField, answerStream)
	s.SetValue(playerKey{}, play)
	return nil
}

// subscribe subscribes a stream to the channel of its player.
func (p *probe) subscribe(s *core.Handshake) (core.Subscription, error) {
	play, _ := s.Value(playerKey{}).(*player)
	return core.Subscription{Channels: []string{play.channel}}, nil
}

// refuse returns a refusal that the doctor recognises.
func refuse(status int, answer, message string) *core.Refusal {
	r := core.Refuse(status, message)
	r.Header = http.Header{planField: {answer}}
	return r
}

// run plays the plan, and ends the stream when all of it is delivered. It
// returns when the stream ends.
func (p *player) run() {
	if p.play() != nil {
		return
	}
	select {
	case <-p.delivered:
		_ = p.stream.Close() // it returns no error
	case <-p.stream.Done():
	}
}

// play publishes the events of the plan.
func (p *player) play() error {
	if p.plan.record {
		return p.publish(recordName, p.probe.runs.record(p.plan.run))
	}
	began := time.Now()
	at := func() int64 { return time.Since(began).Microseconds() }
	err := p.publish(helloName, hello{
		Run: p.plan.run, At: at(), Longest: p.probe.cfg.MaxTime.Milliseconds(), App: p.app,
	})
	n := 1
	for ; n <= p.plan.before+p.plan.after && err == nil; n++ {
		wait := p.plan.every
		if n == p.plan.before+1 {
			wait += p.plan.pause
		}
		if err = p.pass(wait); err == nil {
			err = p.publish(tickName, tick{N: n, At: at(), Pad: pad(padding(n))})
		}
	}
	if err != nil {
		return err
	}
	return p.publish(endName, tick{N: n, At: at()})
}

// publish sends an event.
func (p *player) publish(name string, data any) error {
	ev, err := core.JSONEvent(name, data)
	if err == nil {
		_, err = p.probe.hub.Publish(p.stream.Context(), p.channel, ev)
	}
	return err
}

// pass returns nil when a time has passed, and before that why the stream has
// ended.
func (p *player) pass(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-p.stream.Done():
		return p.stream.Err()
	}
}

// pad returns n characters that do not compress well: a compressor must not
// make small what is to fill a buffer.
func pad(n int) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	text := make([]byte, n)
	for i := range text {
		text[i] = digits[rand.IntN(len(digits))] //nolint:gosec // It is no secret.
	}
	return string(text)
}

// received returns what the app received of the stream's request.
func received(s *core.Handshake) App {
	r := s.Request()
	app := App{
		Protocol:       clean(r.Proto, maxSaid),
		Via:            field(r.Header, "Via"),
		ForwardedFor:   elements(r.Header, "X-Forwarded-For") + elements(r.Header, "Forwarded"),
		ForwardedProto: field(r.Header, "X-Forwarded-Proto"),
		AcceptEncoding: field(r.Header, "Accept-Encoding"),
		LastEventID:    clean(s.LastEventID(), maxSaid),
	}
	if _, port, err := net.SplitHostPort(s.RemoteAddr()); err == nil {
		app.PeerPort, _ = strconv.Atoi(port) // 0 is what no port is
	}
	return app
}

// field returns the values of a header field.
func field(h http.Header, name string) string {
	return clean(strings.Join(h.Values(name), ", "), maxSaid)
}

// elements returns the number of elements in the lists of a header field.
func elements(h http.Header, name string) int {
	n := 0
	for _, list := range h.Values(name) {
		n += 1 + strings.Count(list, ",")
	}
	return n
}
