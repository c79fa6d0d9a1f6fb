package middleware

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/tidings-go/tidings/core"
)

// What Logging calls things.
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
//
// All have the attributes stream (the stream's ID), path, remote (the peer's
// address), and, where there are some, identity, channels and last_event_id.
// The ID is client's text; one of more than 64 bytes, or that cannot be
// printed, is replaced by its length. The request's query, which may hold
// secrets, is never logged.
//
// The level is Info, but Warn for a refusal with a status of 500 or more. Give
// Logging the first place: it says nothing of what was refused before it. If
// logger is nil, it is [slog.Default].
func Logging(logger *slog.Logger) core.Middleware {
	if logger == nil {
		logger = slog.Default()
	}
	return func(s *core.Stream) error {
		path := s.Request().URL.Path
		write := func(level slog.Level, msg string, attrs ...slog.Attr) {
			logger.LogAttrs(s.Context(), level, msg, append(about(s, path), attrs...)...)
		}
		s.OnOpen(func() { write(slog.LevelInfo, "stream opened") })
		s.OnClose(func(sum core.Summary) {
			reason := slog.String(keyReason, sum.Reason.Error())
			duration := slog.Duration(keyDuration, sum.Duration)
			var refusal *core.Refusal
			switch {
			case sum.Opened:
				write(slog.LevelInfo, "stream closed", reason, duration,
					slog.Int64(keyEvents, sum.Events), slog.Int64(keyBytes, sum.Bytes))
			case errors.As(sum.Reason, &refusal):
				level := slog.LevelInfo
				if refusal.Status >= http.StatusInternalServerError {
					level = slog.LevelWarn
				}
				write(level, "stream refused", slog.Int(keyStatus, refusal.Status), reason, duration)
			default:
				write(slog.LevelInfo, "stream not opened", reason, duration)
			}
		})
		return nil
	}
}

// about returns what all lines say of a stream. Who it belongs to may be known
// after the middleware has run only.
func about(s *core.Stream, path string) []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 10),
		slog.String(keyStream, s.ID()),
		slog.String(keyPath, path),
		slog.String(keyRemote, s.RemoteAddr()))
	if name := s.Identity(); name != "" {
		attrs = append(attrs, slog.String(keyIdentity, name))
	}
	if channels := s.Channels(); len(channels) > 0 {
		attrs = append(attrs, slog.Any(keyChannels, channels))
	}
	if id := s.LastEventID(); id != "" {
		attrs = append(attrs, slog.String(keyLastEventID, loggable(id)))
	}
	return attrs
}

// loggable returns a client's text, or its length if it may be meant to do
// something else than to be read.
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
