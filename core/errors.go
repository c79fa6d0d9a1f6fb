package core

import (
	"errors"

	"github.com/tidings-go/tidings/core/history"
)

// Why a stream ended. [Stream.Err], the cause of [Stream.Context] and the
// Reason of a [Summary] are one of these, or wrap one; test with [errors.Is].
var (
	// ErrClosed says that the server's own code ended the stream: it called
	// Close, or its handler returned.
	ErrClosed = errors.New("tidings: stream closed")
	// ErrClientGone says that the client closed or lost the connection.
	ErrClientGone = errors.New("tidings: client gone")
	// ErrWriteTimeout says that the client took no bytes for the write timeout.
	ErrWriteTimeout = errors.New("tidings: write timeout")
	// ErrSlow says that a subscriber fell so far behind that what it should
	// get next has left the channel's ring. It may reconnect and resume.
	ErrSlow = errors.New("tidings: subscriber too slow")
	// ErrDraining says that the hub drains or the server shuts down.
	ErrDraining = errors.New("tidings: draining")
	// ErrExpired says that what allowed the stream has expired.
	ErrExpired = errors.New("tidings: permission expired")
	// ErrLifetime says that the stream reached its configured lifetime. The
	// client is meant to reconnect.
	ErrLifetime = errors.New("tidings: lifetime reached")
	// ErrChanged says that the request was no request for a stream: it changed
	// the channels of another one. See [Stream.ChannelChange].
	ErrChanged = errors.New("tidings: channels changed")
	// ErrPanic says that a handler, middleware or filter panicked.
	ErrPanic = errors.New("tidings: panic")
)

// What calls refuse to do.
var (
	// ErrHubDriven is returned by the sending methods of a stream that the hub
	// drives, once it is open: publish to one of its channels instead.
	ErrHubDriven = errors.New("tidings: the hub drives this stream")
	// ErrHubClosed is returned by a hub after Close.
	ErrHubClosed = history.ErrClosed
	// ErrTooLarge is returned for an event over the hub's MaxEvent, for a key
	// over [MaxKeyBytes], for too many channels, groups or events at once, and for
	// greetings over the limit of what can be sent before a stream opens.
	ErrTooLarge = history.ErrTooLarge
	// ErrTooManyChannels is returned for a subscription to a further channel when
	// there are as many as the hub's MaxChannels, all of them with subscribers.
	ErrTooManyChannels = errors.New("tidings: too many channels")
	// ErrNoChannel is returned for a subscription that names no channel.
	ErrNoChannel = errors.New("tidings: no channel named")
	// ErrChannelName is returned for a channel name that is empty, longer than
	// [MaxChannelBytes], not UTF-8, or holds a control character.
	ErrChannelName = errors.New("tidings: channel name")
	// ErrChannelGone is returned for a private channel whose last stream has
	// ended, and for one that never was.
	ErrChannelGone = errors.New("tidings: channel gone")
	// ErrNotSubscribed is returned where a stream's channels are to be changed
	// that the hub does not drive, or not yet.
	ErrNotSubscribed = errors.New("tidings: the stream is not subscribed")
	// ErrAudience is returned for an audience whose name is empty, longer than
	// [MaxChannelBytes], not UTF-8, or holds a control character.
	ErrAudience = history.ErrAudience
	// ErrGroupName is returned for the name of a group, with the same rules.
	ErrGroupName = errors.New("tidings: group name")
	// ErrOnceKey is returned for an idempotency key, with the same rules.
	ErrOnceKey = errors.New("tidings: once key")
	// ErrReservedID is returned by Publish for an event whose own ID is a
	// position in the hub's order.
	ErrReservedID = errors.New("tidings: event id is a position of this hub")
	// ErrUnknownID is returned by a [Store] for an ID that it does not hold.
	ErrUnknownID = history.ErrUnknownID
)
