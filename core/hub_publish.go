package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// MaxBatch is the maximum number of events in one batch.
const MaxBatch = 512

// MaxKeyBytes is the maximum length of a published event's key, in bytes.
const MaxKeyBytes = 1024

// Publication is an event of a batch, with its channel and its audience.
type Publication struct {
	// Channel is the channel's name.
	Channel string
	// Event is the event.
	Event Event
	// To selects which of the channel's subscribers get the event. Default: all of
	// them.
	To Audience
}

// Publish stores an event and hands it to all subscribers of the channel. It
// returns the ID that the event has on the wire: its own, or the text of its
// position.
//
// Publish never waits for a subscriber. It waits for the store until ctx ends;
// a [MemoryStore] does not block. Events that one goroutine publishes arrive in
// that order. All subscribers see the events of all publishers in the same
// order.
//
// The error is a [*FieldError] for an event that cannot be encoded, or wraps
// [ErrChannelName], [ErrChannelGone], [ErrTooLarge], [ErrReservedID],
// [ErrHubClosed] or an error of the store. After an error, the event was not
// published, unless ctx ended while the store worked on it: then it may have
// been.
//
// Options restrict the event to an audience ([Only]) and make it safe to try
// again ([Once]).
func (h *Hub) Publish(ctx context.Context, channel string, ev Event, opts ...PublishOption) (id string, err error) {
	p := Publication{Channel: channel, Event: ev}
	once, err := p.apply(opts)
	if err != nil {
		return "", err
	}
	return h.publish(ctx, p, once)
}

// apply applies options to the publication. once is the idempotency key among
// them, or empty.
func (p *Publication) apply(opts []PublishOption) (once string, err error) {
	for _, o := range opts {
		if !o.once {
			p.To = o.to
			continue
		}
		if fault := history.NameFault(o.key); fault != "" {
			return "", fmt.Errorf("%w: %s", ErrOnceKey, fault)
		}
		once = strings.Clone(o.key)
	}
	return once, nil
}

// Record checks and encodes an event like [Hub.Publish], with the same errors,
// and does not publish it. It is for stores to which events come in other ways
// than through the hub: in a transaction of a database, for example.
func (h *Hub) Record(channel string, ev Event, opts ...PublishOption) (Record, error) {
	p := Publication{Channel: channel, Event: ev}
	once, err := p.apply(opts)
	if err != nil {
		return Record{}, err
	}
	r, err := h.record(p)
	r.Once = once
	return r, err
}

// PublishOption is an option of [Hub.Publish]: [Only] or [Once]. Of two of the
// same kind, the last one counts.
type PublishOption struct {
	to   Audience
	key  string
	once bool // it is Once
}

// Only restricts an event to those subscribers of the channel that belong to an
// audience. In addition to its other errors, Publish then returns errors that
// wrap [ErrAudience].
func Only(to Audience) PublishOption { return PublishOption{to: to} }

// Once is an idempotency key: if an event was published to the channel with the
// same key within the [Retention] OnceWindow of the store, nothing is published,
// and Publish returns the ID that the first call returned. A caller that does
// not know whether a call succeeded may therefore try again. A key follows the
// rules of a channel's name; errors for other keys wrap [ErrOnceKey]. If the
// machine's clock is set back, a store that keeps keys in a file remembers them
// for one more window from the moment at which it notices.
func Once(key string) PublishOption { return PublishOption{key: key, once: true} }

// PublishBatch publishes events together: the store keeps all of them or none,
// no other event comes between them, and a subscriber receives those that are
// for it in one write. A subscriber that reads them from history later may
// receive them in several writes. PublishBatch returns the IDs of the events. A
// batch holds at most [MaxBatch] events, no more than fit into the ring of each
// of their channels, and no more bytes than the hub's MaxEvent; otherwise the
// error wraps [ErrTooLarge]. An empty batch is no error. In all other respects,
// it works like Publish.
func (h *Hub) PublishBatch(ctx context.Context, batch ...Publication) (ids []string, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	trace := ""
	if h.observesPublish() {
		var done func([]string, error)
		if ctx, trace, done = h.observePublish(ctx, batch...); done != nil {
			defer func() { done(ids, err) }()
		}
	}
	records, err := h.recordBatch(batch)
	if err != nil {
		return nil, err
	}
	if h.isClosed() {
		return nil, ErrHubClosed
	}
	for i := range records {
		records[i].Trace = trace
	}
	entries, err := timed(h, "append", func() ([]*Entry, error) { return h.store.Append(ctx, records) })
	if err != nil {
		return nil, fmt.Errorf("tidings: publish: %w", err)
	}
	h.published.Add(uint64(len(entries)))
	for _, p := range batch {
		h.forgetIfGone(p.Channel)
	}
	ids = make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.ID()
	}
	return ids, nil
}

// recordBatch encodes the events of a batch.
func (h *Hub) recordBatch(batch []Publication) ([]Record, error) {
	if len(batch) > MaxBatch {
		return nil, fmt.Errorf("batch of %d events: %w", len(batch), ErrTooLarge)
	}
	records := make([]Record, len(batch))
	bytes, room := 0, 0
	for i, p := range batch {
		r, err := h.record(p)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
		r.Following = len(batch) - 1 - i
		if bytes += len(r.Body); bytes > h.cfg.MaxEvent {
			return nil, fmt.Errorf("batch of more than %d bytes: %w", h.cfg.MaxEvent, ErrTooLarge)
		}
		room += r.MaxSize()
		records[i] = r
	}
	for _, p := range batch {
		if cfg := h.cfg.channel(p.Channel); len(batch) > max(cfg.RingEvents, 1) || room > cfg.RingBytes && len(batch) > 1 {
			return nil, fmt.Errorf("batch is larger than the ring of channel %q: %w", p.Channel, ErrTooLarge)
		}
	}
	return records, nil
}

// publish stores one event. once is its idempotency key, or empty.
func (h *Hub) publish(ctx context.Context, p Publication, once string) (id string, err error) {
	trace := ""
	if h.observesPublish() {
		var done func([]string, error)
		if ctx, trace, done = h.observePublish(ctx, p); done != nil {
			defer func() { done(published(id, err), err) }()
		}
	}
	record, err := h.record(p)
	if err != nil {
		return "", err
	}
	record.Once, record.Trace = once, trace
	if h.isClosed() {
		return "", ErrHubClosed
	}
	before := h.head.Load()
	entries, err := h.append(ctx, record)
	if err != nil {
		return "", fmt.Errorf("tidings: publish: %w", err)
	}
	if once == "" || entries[0].Position.Seq > before {
		h.published.Add(1)
	}
	h.forgetIfGone(p.Channel)
	return entries[0].ID(), nil
}

// published returns the IDs of one event, if it was published.
func published(id string, err error) []string {
	if err != nil {
		return nil
	}
	return []string{id}
}

func (h *Hub) isClosed() bool {
	select {
	case <-h.closed:
		return true
	default:
		return false
	}
}

// append stores one record. It reuses the slice that it passes to the store: a
// store does not keep it.
func (h *Hub) append(ctx context.Context, record Record) ([]*Entry, error) {
	one, ok := h.records.Get().(*[1]Record)
	if !ok {
		one = new([1]Record)
	}
	one[0] = record
	entries, err := timed(h, "append", func() ([]*Entry, error) { return h.store.Append(ctx, one[:]) })
	one[0] = Record{}
	h.records.Put(one)
	return entries, err
}

// record encodes an event for the store.
func (h *Hub) record(p Publication) (Record, error) {
	ev := p.Event
	if err := h.checkOpen(p.Channel); err != nil {
		return Record{}, err
	}
	if err := p.To.Check(); err != nil {
		return Record{}, err
	}
	if err := CheckID(ev.ID); err != nil {
		return Record{}, err
	}
	if p, ok := ParsePosition(ev.ID); ok && p.Epoch == h.epoch.Load() {
		return Record{}, ErrReservedID
	}
	// Check the size before encoding, to avoid copying an event that is far too
	// large.
	if n := len(ev.Data) + len(ev.Name) + len(ev.ID); n > h.cfg.MaxEvent {
		return Record{}, fmt.Errorf("event of %d bytes: %w", n, ErrTooLarge)
	}
	if len(ev.Key) > MaxKeyBytes {
		return Record{}, fmt.Errorf("key of %d bytes: %w", len(ev.Key), ErrTooLarge)
	}
	buf, err := appendBody(make([]byte, history.HeadRoom, history.HeadRoom+bodyRoom(ev)), ev)
	if err != nil {
		return Record{}, err
	}
	if n := len(buf) - history.HeadRoom; n > h.cfg.MaxEvent {
		return Record{}, fmt.Errorf("event of %d bytes: %w", n, ErrTooLarge)
	}
	// Clone strings: frameworks reuse their memory when a request is over.
	return Record{
		Channel: h.lasting(p.Channel), ID: strings.Clone(ev.ID), Key: strings.Clone(ev.Key),
		To: p.To,
	}.In(buf), nil
}

// lasting returns a channel's name in memory that no caller can change.
func (h *Hub) lasting(name string) string {
	if c := h.known(name); c != nil {
		return c.name
	}
	return strings.Clone(name)
}

// bodyRoom returns the size of a buffer that holds the whole frame of an event
// with one line of data.
func bodyRoom(ev Event) int {
	room := len("data: \n") + len(ev.Data)
	if ev.Name != "" {
		room += len("event: \n") + len(ev.Name)
	}
	if ev.Retry > 0 {
		room += len("retry: \n") + 13
	}
	if ev.ID != "" {
		return room + len("id: \n\n\r\n") + len(ev.ID)
	}
	return room + history.TrailerRoom
}

// Forget drops the history of a channel, and the idempotency keys of events
// that were published to it. Current subscribers are not affected: events in
// the ring stay until they leave it. A client that reconnects without having
// received all events of the channel gets a gap. The errors are those of
// Publish for a channel's name, and the store's own.
func (h *Hub) Forget(ctx context.Context, channel string) error {
	if err := checkChannel(channel); err != nil {
		return err
	}
	if h.isClosed() {
		return ErrHubClosed
	}
	if err := h.store.Forget(ctx, strings.Clone(channel)); err != nil {
		return fmt.Errorf("tidings: forget: %w", err)
	}
	return nil
}
