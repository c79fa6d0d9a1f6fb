package core

import (
	"context"
	"fmt"
)

// Position returns where the hub stands in its order: the text of the position
// of the newest event that it has delivered, on whatever channel. A client that
// opens a stream with it as its last event ID receives all later events of its
// channels, none of the earlier ones, and no gap as long as history goes back so
// far. It is a position also where events have IDs of the app's own, and before
// the first event. Position does not block.
//
// A page that shows a state, and keeps it up to date by events, needs the
// position from before the state was read: see [LoadState], which cannot be done
// in the wrong order.
//
// Where processes share a store, it is the position up to which this process
// has delivered: another one may have published more, which the client then
// receives. With a store in memory, a position is worth nothing after a restart:
// the client gets a gap.
func (h *Hub) Position() string { return h.position(h.head.Load()).String() }

// State is a state together with the position of the events that follow it. Its
// JSON is what a page needs to show the state and to open its stream:
//
//	{"state": …, "lastEventId": "2k8x1m9q-17"}
type State[T any] struct {
	// State is the state.
	State T `json:"state"`
	// LastEventID is the last event ID with which the client opens the stream of
	// the events that change the state: a query parameter of the same name,
	// lastEventId, carries it.
	LastEventID string `json:"lastEventId"`
}

// LoadState returns the state that load reads, with the hub's [Hub.Position]
// from before. A client that opens a stream with it misses no change, whatever is
// published meanwhile, if the app follows two rules:
//
//   - A change is published after it has been made, when all readers see it: after
//     the commit of a transaction, say. Changes of the same thing are published
//     in their order. load must not read from a replica that lags behind.
//   - A client may receive an event that the state already contains. Either that
//     does no harm, because an event carries a new value and not a difference; or
//     the state and the event carry a version, by which the client tells.
//
// The wrong order, the state before the position, loses what is published in
// between. The error wraps the one of load.
func LoadState[T any](ctx context.Context, hub *Hub, load func(context.Context) (T, error)) (State[T], error) {
	position := hub.Position() // first: events from here on may be in the state, and are in the stream
	state, err := load(ctx)
	if err != nil {
		return State[T]{}, fmt.Errorf("tidings: state: %w", err)
	}
	return State[T]{State: state, LastEventID: position}, nil
}
