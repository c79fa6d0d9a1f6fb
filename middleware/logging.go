package middleware

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"unique"

	"github.com/tidings-go/tidings/core"
)

// Attribute keys of Logging's lines.
const (
	keyStream      = "stream"
	keyPath        = "path"
	keyRemote      = "remote"
	keyIdentity    = "identity"
	keyChannels    = "channels"
	keyLastEventID = "last_event_id"
	keyStatus      = "status"
	keyReason      = "reason"
	keyDuration    = "duration"
	keyEvents      = "events"
	keyBytes       = "bytes"
	keyAdded       = "added"
	keyRemoved     = "removed"
)

// Logging returns a middleware that writes a line when a stream opens and one
// when it has ended. The messages are:
//
//   - "stream opened"
//   - "stream closed", with reason (text), duration (since the request came),
//     events and bytes (what was sent)
//   - "stream refused", with status, reason and duration
//   - "stream not opened", with reason and duration: the client left while the
//     stream was opening, or its request was HEAD
//   - "channels changed", with status, duration, added and removed (how many):
//     the request was to change the channels of an open stream, see
//     [core.Handshake.ChannelChange]
//   - "change refused", with status, reason and duration: the same, and nothing
//     has changed; there is no status if the client left meanwhile
//
// All have the attributes stream (the stream's ID), path, remote (the peer's
// address), and, where there are some, identity, channels and last_event_id.
// The client chooses the last event ID; one of more than 64 bytes, or with
// characters that cannot be printed, is replaced by its length. The lines about
// a change do not name the channels; they name the stream to change, once it is
// found and its identity is checked. The request's query, which may hold
// secrets, is never logged. The stream's ID is what [core.Gate.ChangeChannels]
// takes, together with the identity.
//
// The level is Info, but Warn for a refusal with a status of 500 or more. Put
// Logging first: it does not log refusals by middleware before it. If logger is
// nil, Logging uses [slog.Default].
//
// A line is logged with a context that has the values of the request's context.
// An exception is "stream closed" of a subscription, whose context has none: a
// waiting stream does not keep its request.
func Logging(logger *slog.Logger) core.Middleware {
	if logger == nil {
		logger = slog.Default()
	}
	return func(h *core.Handshake) error {
		// The path is part of the request line, which it would keep in memory.
		l := line{logger: logger, stream: h.Stream, path: unique.Make(h.Request().URL.Path)}
		if _, changes := h.ChannelChange(); changes {
			h.OnClose(func(sum core.Summary) { l.changed(h, sum) })
			return nil
		}
		h.OnOpen(func() { l.opened(h.Request().Context()) })
		h.OnClose(l.closed)
		return nil
	}
}

// line holds what all lines of one stream share.
type line struct {
	logger *slog.Logger
	stream *core.Stream
	path   unique.Handle[string]
}

func (l line) write(level slog.Level, msg string, attrs []slog.Attr, more ...slog.Attr) {
	l.logger.LogAttrs(context.WithoutCancel(l.stream.Context()), level, msg, append(attrs, more...)...)
}

// opened does not ask for the stream's context, which an open stream would keep.
func (l line) opened(ctx context.Context) {
	l.logger.LogAttrs(context.WithoutCancel(ctx), slog.LevelInfo, "stream opened", l.about()...)
}

func (l line) closed(sum core.Summary) {
	reason, duration := ending(sum)
	switch status := refusal(sum); {
	case sum.Opened:
		l.write(slog.LevelInfo, "stream closed", l.about(), reason, duration,
			slog.Int64(keyEvents, sum.Events), slog.Int64(keyBytes, sum.Bytes))
	case status != 0:
		l.write(level(status), "stream refused", l.about(), slog.Int(keyStatus, status), reason, duration)
	default:
		l.write(slog.LevelInfo, "stream not opened", l.about(), reason, duration)
	}
}

func (l line) changed(h *core.Handshake, sum core.Summary) {
	reason, duration := ending(sum)
	change, _ := h.ChannelChange()
	attrs := l.who(change.Stream)
	switch status := refusal(sum); {
	case change.Done:
		l.write(slog.LevelInfo, "channels changed", attrs, slog.Int(keyStatus, http.StatusOK), duration,
			slog.Int(keyAdded, change.Added), slog.Int(keyRemoved, change.Removed))
	case status != 0:
		l.write(level(status), "change refused", attrs, slog.Int(keyStatus, status), reason, duration)
	default:
		l.write(slog.LevelInfo, "change refused", attrs, reason, duration)
	}
}

// ending returns the attributes of a stream's end.
func ending(sum core.Summary) (reason, duration slog.Attr) {
	return slog.String(keyReason, sum.Reason.Error()), slog.Duration(keyDuration, sum.Duration)
}

// refusal returns the status that a request was refused with, or 0.
func refusal(sum core.Summary) int {
	var r *core.Refusal
	if errors.As(sum.Reason, &r) {
		return r.Status
	}
	return 0
}

// level returns the level of a refusal's line.
func level(status int) slog.Level {
	if status >= http.StatusInternalServerError {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// who returns the attributes of a request. stream is the ID of the stream that
// it is about, or empty if that is not known. The identity may be set only
// after this middleware has run.
func (l line) who(stream string) []slog.Attr {
	attrs := make([]slog.Attr, 0, 10)
	if stream != "" {
		attrs = append(attrs, slog.String(keyStream, stream))
	}
	attrs = append(attrs, slog.String(keyPath, l.path.Value()), slog.String(keyRemote, l.stream.RemoteAddr()))
	if name := l.stream.Identity(); name != "" {
		attrs = append(attrs, slog.String(keyIdentity, name))
	}
	return attrs
}

// about returns the attributes that all lines about a stream have.
func (l line) about() []slog.Attr {
	attrs := l.who(l.stream.ID())
	if channels := l.stream.Channels(); len(channels) > 0 {
		attrs = append(attrs, slog.Any(keyChannels, channels))
	}
	if id := l.stream.LastEventID(); id != "" {
		attrs = append(attrs, slog.String(keyLastEventID, loggable(id)))
	}
	return attrs
}

// loggable returns a client's text, or its length if the text is long or holds
// characters that may disturb a terminal or a log.
func loggable(text string) string {
	const most = 64
	if len(text) > most {
		return length(text)
	}
	for _, r := range text {
		if !strconv.IsPrint(r) {
			return length(text)
		}
	}
	return text
}

func length(text string) string { return "(" + strconv.Itoa(len(text)) + " bytes)" }
