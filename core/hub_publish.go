package core

import (
	"context"
	"fmt"
	"strings"

	"github.com/tidings-go/tidings/core/history"
)

// MaxBatch is the number of events that can be published together at most.
const MaxBatch = 512

// MaxKeyBytes is the length of a published event's key at most.
const MaxKeyBytes = 1024

// Publication is an event on its way to a channel.
type Publication struct {
	// Channel is the channel's name.
	Channel string
	// Event is the event.
	Event Event
	// To is who gets it, of those who are subscribed. Default: everybody.
	To Audience
}

// Publish stores an event and hands it to all subscribers of the channel. It
// returns the ID that the event has on the wire: its own, or the text of its
// position.
//
// Publish never waits for a subscriber. It waits for the store, until ctx
// ends; the [MemoryStore] does not make it wait. Events that one goroutine
// publishes arrive in that order; whatever the number of publishers, all
// subscribers see the same order.
//
// The errors are a [*FieldError] for an event that cannot be encoded, and
// ones that wrap [ErrChannelName], [ErrChannelGone], [ErrTooLarge],
// [ErrReservedID], [ErrHubClosed] or the store's own. The event was then not
// published, unless ctx ended while the store was at it.
func (h *Hub) Publish(ctx context.Context, channel string, ev Event) (id string, err error) {
	return h.publish(ctx, Publication{Channel: channel, Event: ev}, "")
}

// PublishTo publishes like Publish, for an audience among those who are
// subscribed to the channel. Beside the errors of Publish, it returns ones that
// wrap [ErrAudience].
func (h *Hub) PublishTo(ctx context.Context, channel string, to Audience, ev Event) (id string, err error) {
	return h.publish(ctx, Publication{Channel: channel, Event: ev, To: to}, "")
}

// PublishOnce publishes like PublishTo does, unless something was published to
// the channel with the same key lately: within the [Retention] OnceWindow of
// the store. Then nothing is published, and it returns the ID that was returned
// then. So a caller that does not know whether it got through may try again.
// A key is a name like a channel's; the errors for others wrap [ErrOnceKey].
// Where the machine's clock is set back, keys that a store kept in a file count
// for one more window from when the store finds out.
func (h *Hub) PublishOnce(ctx context.Context, key string, p Publication) (id string, err error) {
	if fault := history.NameFault(key); fault != "" {
		return "", fmt.Errorf("%w: %s", ErrOnceKey, fault)
	}
	return h.publish(ctx, p, strings.Clone(key))
}

// PublishBatch publishes events together: all or none are stored, none comes
// between them, and they reach a subscriber in one write, those that are for
// it. Only to one that reads them from history later, they may come in several.
// It returns their IDs. At most [MaxBatch] events can be published together, no
// more than the ring of each of their channels holds, and no more bytes than the
// hub's MaxEvent; the error wraps [ErrTooLarge] otherwise. To publish none is no
// error. For the rest, it is like PublishTo.
func (h *Hub) PublishBatch(ctx context.Context, batch ...Publication) (ids []string, err error) {
	if len(batch) == 0 {
		return nil, nil
	}
	records, err := h.recordBatch(batch)
	if err != nil {
		return nil, err
	}
	if h.isClosed() {
		return nil, ErrHubClosed
	}
	entries, err := h.store.Append(ctx, records)
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

// recordBatch encodes events that are published together.
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

// publish stores one event.
func (h *Hub) publish(ctx context.Context, p Publication, once string) (id string, err error) {
	record, err := h.record(p)
	if err != nil {
		return "", err
	}
	record.Once = once
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

func (h *Hub) isClosed() bool {
	select {
	case <-h.closed:
		return true
	default:
		return false
	}
}

// append stores one record. The slice that it travels in is used again: a
// store does not keep it.
func (h *Hub) append(ctx context.Context, record Record) ([]*Entry, error) {
	one, ok := h.records.Get().(*[1]Record)
	if !ok {
		one = new([1]Record)
	}
	one[0] = record
	entries, err := h.store.Append(ctx, one[:])
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
	if p, ok := ParsePosition(ev.ID); ok && p.Epoch == h.epoch {
		return Record{}, ErrReservedID
	}
	// Before encoding, so that what is far too large is not copied first.
	if n := len(ev.Data) + len(ev.Name) + len(ev.ID); n > h.cfg.MaxEvent {
		return Record{}, fmt.Errorf("event of %d bytes: %w", n, ErrTooLarge)
	}
	if len(ev.Key) > MaxKeyBytes {
		return Record{}, fmt.Errorf("key of %d bytes: %w", len(ev.Key), ErrTooLarge)
	}
	body, err := appendBody(make([]byte, 0, bodyRoom(ev)), ev)
	if err != nil {
		return Record{}, err
	}
	if len(body) > h.cfg.MaxEvent {
		return Record{}, fmt.Errorf("event of %d bytes: %w", len(body), ErrTooLarge)
	}
	// Frameworks lend strings that change when a request is over.
	return Record{
		Channel: h.lasting(p.Channel), ID: strings.Clone(ev.ID), Key: strings.Clone(ev.Key),
		To: p.To, Body: body,
	}, nil
}

// lasting returns a channel's name in memory that nobody else can change.
func (h *Hub) lasting(name string) string {
	if c := h.known(name); c != nil {
		return c.name
	}
	return strings.Clone(name)
}

// bodyRoom is the size of the buffer that a whole frame of an event with one
// line of data fits in.
func bodyRoom(ev Event) int {
	room := len("data: \n") + len(ev.Data)
	if ev.Name != "" {
		room += len("event: \n") + len(ev.Name)
	}
	if ev.Retry > 0 {
		room += len("retry: \n") + 13
	}
	if ev.ID != "" {
		return room + len("id: \n\n") + len(ev.ID)
	}
	return room + history.TrailerRoom
}

// Forget drops the history of a channel, and the keys of what was published to
// it once. Subscribers who are there notice nothing: what is at hand for them
// is there until it leaves the ring. A client that comes back without having
// seen all of it finds a gap. The errors are those of Publish for a channel, and
// the store's own.
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
