package core

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"
)

// Observer receives what happens in a hub: metrics, traces and monitors attach
// one with [Hub.Observe]. It costs a stream no memory. A function that is nil is
// not called.
//
// The functions are called from many goroutines at once, some of which serve
// all streams: they must be quick, and must neither block nor call the hub. The
// hub holds no lock during a call. A panic is logged, and has no other effect.
// They get streams of all gates, but no requests that open none.
type Observer struct {
	// Opened is called when a stream has passed the gate, before anything is sent.
	// took is the time since the request came. Do not keep h.
	Opened func(h *Handshake, took time.Duration)
	// Refused is called when a request got no stream: it was refused, also before
	// the gate's middleware, its client left before the stream opened, or it was a
	// HEAD request. Do not keep h.
	Refused func(h *Handshake, sum Summary)
	// Closed is called when an open stream has ended, after the last byte was sent.
	Closed func(s *Stream, sum Summary)
	// Publish is called before events are checked and stored. Everything that it
	// returns is optional.
	Publish func(ctx context.Context, batch []Publication) Publishing
	// Stored is called after each call of the hub's store. op is "append", "read",
	// "resolve" or "bounds".
	Stored func(op string, took time.Duration, err error)
	// Delivered is called after live events were written to a client: for a sample,
	// and for events with a trace. See [Delivered].
	Delivered func(d Delivered)
}

// Publishing is what an Observer has to do with the events of one call of
// [Hub.Publish] or [Hub.PublishBatch].
type Publishing struct {
	// Context replaces the context that the store is called with.
	Context context.Context //nolint:containedctx // It is handed from a call to its caller.
	// Trace goes with the events to Delivered, at least in this process: see
	// [Record]. It has at most [MaxTraceBytes]. Of several observers, the last one
	// that returns a trace counts.
	Trace string
	// Done is called with the IDs of the events, or with the reason why they were
	// not stored.
	Done func(ids []string, err error)
}

// MaxTraceBytes is the maximum length of the trace of an event, in bytes. The
// hub ignores longer ones.
const MaxTraceBytes = 256

// Delivered describes a live event that was written to a client, or accepted by
// its framework's response.
//
// It is either the sample of one round of one shard: the oldest event of the
// write to one client, both chosen at random among those with new events. Or
// the event has a trace: then each round of a shard in which it is written to
// clients reports it once.
type Delivered struct {
	// Sampled reports whether this is the sample. It may have a trace, too.
	Sampled bool
	// Channel is the name of the event's channel.
	Channel string
	// ID is the event's ID on the wire.
	ID string
	// Trace is the trace that the event was published with, or empty.
	Trace string
	// Published is when the store took the event.
	Published time.Time
	// Took is the time from then until the write.
	Took time.Duration
}

// Observe attaches an observer, until the returned function is called: calls in
// progress may then still finish. Both are safe for concurrent use.
func (h *Hub) Observe(o Observer) (stop func()) {
	h.observersMu.Lock()
	defer h.observersMu.Unlock()
	added := &o
	h.setObservers(append(slices.Clone(h.observing()), added))
	return func() {
		h.observersMu.Lock()
		defer h.observersMu.Unlock()
		h.setObservers(slices.DeleteFunc(slices.Clone(h.observing()), func(o *Observer) bool { return o == added }))
	}
}

// setObservers replaces the observers. The caller holds h.observersMu.
func (h *Hub) setObservers(all []*Observer) {
	if len(all) == 0 {
		h.observers.Store(nil)
		return
	}
	h.observers.Store(&all)
}

// observing returns the observers, which the caller must not change.
func (h *Hub) observing() []*Observer {
	if all := h.observers.Load(); all != nil {
		return *all
	}
	return nil
}

// contain keeps the panic of an observer from ending the process.
func (h *Hub) contain() {
	if v := recover(); v != nil {
		h.logger.Log(context.Background(), slog.LevelError, "panic in observer", "panic", v, "stack", string(debug.Stack()))
	}
}

func (h *Hub) observeOpened(s *Handshake, took time.Duration) {
	defer h.contain()
	for _, o := range h.observing() {
		if o.Opened != nil {
			o.Opened(s, took)
		}
	}
}

// observeEnd reports the end of a stream, or of a request for one. handshake is
// nil if the stream was handed over to the hub.
func (h *Hub) observeEnd(s *Stream, handshake *Handshake, sum Summary) {
	defer h.contain()
	for _, o := range h.observing() {
		switch {
		case sum.Opened && o.Closed != nil:
			o.Closed(s, sum)
		case !sum.Opened && o.Refused != nil && handshake != nil:
			o.Refused(handshake, sum)
		}
	}
}

// observesPublish reports whether an observer wants to know of publications.
func (h *Hub) observesPublish() bool {
	return slices.ContainsFunc(h.observing(), func(o *Observer) bool { return o.Publish != nil })
}

// observePublish reports that events are about to be published. done is nil if
// no observer wants to know the outcome.
func (h *Hub) observePublish(ctx context.Context, batch ...Publication) (inner context.Context, trace string, done func([]string, error)) {
	inner = ctx
	defer h.contain()
	for _, o := range h.observing() {
		if o.Publish == nil {
			continue
		}
		p := o.Publish(inner, batch)
		if p.Context != nil {
			inner = p.Context //nolint:fatcontext // There are as many as observers.
		}
		if p.Trace != "" && len(p.Trace) <= MaxTraceBytes {
			trace = p.Trace
		}
		if p.Done != nil {
			before := done
			done = func(ids []string, err error) {
				defer h.contain()
				p.Done(ids, err)
				if before != nil {
					before(ids, err)
				}
			}
		}
	}
	return inner, trace, done
}

// timed calls the store, and reports how long that took.
func timed[T any](h *Hub, op string, call func() (T, error)) (T, error) {
	if h.observers.Load() == nil {
		return call()
	}
	began := time.Now()
	v, err := call()
	h.observeStored(op, time.Since(began), err)
	return v, err
}

func (h *Hub) observeStored(op string, took time.Duration, err error) {
	defer h.contain()
	for _, o := range h.observing() {
		if o.Stored != nil {
			o.Stored(op, took, err)
		}
	}
}
