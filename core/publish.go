package core

import (
	"context"
	"fmt"
)

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
// ones that wrap [ErrChannelName], [ErrTooLarge], [ErrReservedID],
// [ErrHubClosed] or the store's own. The event was then not published, unless
// ctx ended while the store was at it.
func (h *Hub) Publish(ctx context.Context, channel string, ev Event) (id string, err error) {
	record, err := h.record(channel, ev)
	if err != nil {
		return "", err
	}
	select {
	case <-h.closed:
		return "", ErrHubClosed
	default:
	}
	entries, err := h.append(ctx, record)
	if err != nil {
		return "", fmt.Errorf("tidings: publish: %w", err)
	}
	h.published.Add(1)
	return entries[0].ID(), nil
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
func (h *Hub) record(channel string, ev Event) (Record, error) {
	if err := checkChannel(channel); err != nil {
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
	body, err := appendBody(make([]byte, 0, bodyRoom(ev)), ev)
	if err != nil {
		return Record{}, err
	}
	if len(body) > h.cfg.MaxEvent {
		return Record{}, fmt.Errorf("event of %d bytes: %w", len(body), ErrTooLarge)
	}
	return Record{Channel: channel, ID: ev.ID, Key: ev.Key, Body: body}, nil
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
	return room + trailerRoom
}
