package core

import (
	"errors"

	"github.com/tidings-go/tidings/core/history"
)

// Reasons for the end of a stream. [Stream.Err], the cause of [Stream.Context]
// and the Reason of a [Summary] are one of these, or wrap one; test with
// [errors.Is].
var (
	// ErrClosed means that the server's own code ended the stream: it called
	// Close, or its handler returned.
	ErrClosed = errors.New("tidings: stream closed")
	// ErrClientGone means that the client closed or lost the connection.
	ErrClientGone = errors.New("tidings: client gone")
	// ErrWriteTimeout means that the client took no bytes for the write
	// timeout.
	ErrWriteTimeout = errors.New("tidings: write timeout")
	// ErrSlow means that a subscriber fell so far behind that its next event
	// has left the channel's ring. The client may reconnect and resume.
	ErrSlow = errors.New("tidings: subscriber too slow")
	// ErrDraining means that the hub drains or the server shuts down.
	ErrDraining = errors.New("tidings: draining")
	// ErrExpired means that the stream's permission has expired: see
	// [Stream.SetExpiry].
	ErrExpired = errors.New("tidings: permission expired")
	// ErrRevoked means that the stream's identity was revoked: see [Hub.Revoke].
	ErrRevoked = errors.New("tidings: permission revoked")
	// ErrLifetime means that the stream reached its configured lifetime. The
	// client is expected to reconnect.
	ErrLifetime = errors.New("tidings: lifetime reached")
	// ErrReset means that events were lost for the client, and that the stream's
	// dialect ends it for that: see Dialect.EndOnReset. A [*GapError] is in its
	// tree.
	ErrReset = errors.New("tidings: events lost")
	// ErrChanged means that the request was not for a stream: it changed the
	// channels of another one. See [Handshake.ChannelChange].
	ErrChanged = errors.New("tidings: channels changed")
	// ErrPanic means that the app's code panicked: a handler, middleware,
	// filter or hook.
	ErrPanic = errors.New("tidings: panic")
)

// Errors that calls return.
var (
	// ErrStore is wrapped, together with the store's own error, by the error of a
	// subscription whose store failed. A request for a stream is then refused with
	// status 503.
	ErrStore = errors.New("tidings: the store failed")
	// ErrUnavailable is wrapped by errors of a hub whose store cannot reach its
	// storage at the moment: publishing is refused, and streams stay open.
	ErrUnavailable = history.ErrUnavailable
	// ErrOpened is returned by the sending methods of a [Handshake] whose stream
	// has opened.
	ErrOpened = errors.New("tidings: the stream has opened")
	// ErrHubClosed is returned by a hub after Close.
	ErrHubClosed = history.ErrClosed
	// ErrTooLarge is returned for an event over the hub's MaxEvent, for a key
	// over [MaxKeyBytes], for too many channels, groups or events at once, and
	// for a greeting over the limit of what is sent before a stream opens.
	ErrTooLarge = history.ErrTooLarge
	// ErrTooManyChannels is returned for a subscription to one more channel
	// when the hub has MaxChannels channels and all have subscribers.
	ErrTooManyChannels = errors.New("tidings: too many channels")
	// ErrChannelFull is returned for a subscription to a channel that has
	// MaxSubscribers of its [ChannelConfig].
	ErrChannelFull = errors.New("tidings: channel full")
	// ErrNoChannel is returned for a subscription that names no channel.
	ErrNoChannel = errors.New("tidings: no channel named")
	// ErrChannelName is returned for a channel name that is empty, longer than
	// [MaxChannelBytes], not UTF-8, holds a control character, or begins with
	// "~tidings/", which is reserved.
	ErrChannelName = errors.New("tidings: channel name")
	// ErrChannelGone is returned for a private channel whose last stream has
	// ended, and for a private name that was never made.
	ErrChannelGone = errors.New("tidings: channel gone")
	// ErrNotSubscribed is returned for a change of channels on a stream that
	// the hub does not drive, or does not drive yet.
	ErrNotSubscribed = errors.New("tidings: the stream is not subscribed")
	// ErrForbidden is returned for a channel that the stream may not have: see
	// [Stream.Restrict].
	ErrForbidden = errors.New("tidings: channel not allowed")
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
