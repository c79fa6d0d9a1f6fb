package core

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
)

// Topic is a channel of a hub for events with one name, whose data is a T in
// JSON. A Topic is an immutable value, and is safe for concurrent use.
type Topic[T any] struct {
	hub     *Hub
	channel string
	name    string
	key     func(T) string
}

// NewTopic returns the topic with that channel and event name. It panics if the
// channel or the event name is not valid.
func NewTopic[T any](hub *Hub, channel, name string) Topic[T] {
	if _, err := hub.record(Publication{Channel: channel, Event: Event{Name: name}}); err != nil {
		panic(err)
	}
	return Topic[T]{hub: hub, channel: strings.Clone(channel), name: strings.Clone(name)}
}

// Keyed returns a copy of the topic that derives each event's key from its
// value: a snapshot then holds the latest value of each key.
func (t Topic[T]) Keyed(key func(T) string) Topic[T] {
	t.key = key
	return t
}

// Channel returns the name of the topic's channel.
func (t Topic[T]) Channel() string { return t.channel }

// Publish publishes a value like [Hub.Publish]. If [json.Marshal] fails, it
// returns an error that wraps the one of Marshal.
func (t Topic[T]) Publish(ctx context.Context, v T, opts ...PublishOption) (id string, err error) {
	ev, err := JSONEvent(t.name, v)
	if err != nil {
		return "", err
	}
	if t.key != nil {
		ev.Key = t.key(v)
	}
	return t.hub.Publish(ctx, t.channel, ev, opts...)
}

// Subscribe returns an iterator over the topic's values, like [Hub.Subscribe]
// over events. It uses After and Start of sub, and ignores Channels. It skips
// events with other names. For data that does not decode into a T, it yields an
// error, and the iteration goes on.
func (t Topic[T]) Subscribe(ctx context.Context, sub Subscription) iter.Seq2[T, error] {
	sub.Channels = []string{t.channel}
	return func(yield func(T, error) bool) {
		for d, err := range t.hub.Subscribe(ctx, sub) {
			var v T
			if err == nil && d.Name != t.name {
				continue
			}
			if err == nil {
				if err = json.Unmarshal([]byte(d.Data), &v); err != nil {
					err = fmt.Errorf("tidings: data of event %q: %w", d.ID, err)
				}
			}
			if !yield(v, err) {
				return
			}
		}
	}
}
