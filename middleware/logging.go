package middleware

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
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
	keyEnd         = "end"
	keyLag         = "lag"
	keyUnlogged    = "unlogged"
)

// LoggingConfig configures [LoggingWith].
type LoggingConfig struct {
	// Logger receives the lines. Default: [slog.Default].
	Logger *slog.Logger
	// Path returns what lines call the path of a request: the route, if paths hold
	// what should not be logged. Default: the URL's path, by [Redact].
	Path func(r *http.Request) string
	// Burst is how many streams are logged of those that come within a second; of
	// the others, only one in Every. A stream has all of its lines or none, and the
	// next line says how many streams were left out. Default: 100. Negative: all
	// streams are logged.
	Burst int
	// Every says which of the streams over Burst are logged. Default: 100.
	Every int
}

// Logging returns [LoggingWith] for a logger, with the other defaults.
func Logging(logger *slog.Logger) core.Middleware { return LoggingWith(LoggingConfig{Logger: logger}) }

// LoggingWith returns a middleware that writes a line when a stream opens and
// one when it has ended. The messages are:
//
//   - "stream opened"
//   - "stream closed", with end (see [core.EndReason]), reason (text), duration
//     (since the request came), events and bytes (what was sent) and lag (how
//     many events in the rings were not)
//   - "stream refused", with status, end, reason and duration
//   - "stream not opened", with end, reason and duration: the client left while
//     the stream was opening, or its request was HEAD
//   - "channels changed", with status, duration, added and removed (how many):
//     the request was to change the channels of an open stream, see
//     [core.Handshake.ChannelChange]
//   - "change refused", with status, end, reason and duration: the same, and
//     nothing has changed; there is no status if the client left meanwhile
//   - "request answered" and "request refused", with the same: the request was for
//     something else than a stream, such as a ticket, see [core.Gate.Answer]
//
// All have the attributes stream (the first digits of the stream's ID), path,
// remote (the peer's address), and, where there are some, identity, channels,
// last_event_id and unlogged (see LoggingConfig). The client chooses the last
// event ID; one of more than 64 bytes, or with characters that cannot be
// printed, is replaced by its length. The lines about a change do not name the
// channels; they name the stream to change, once it is found and its identity is
// checked.
//
// No line holds a secret, as far as can be known: the query is not logged, nor
// the rest of the stream's ID, which [core.Gate.ChangeChannels] takes, nor the
// name of a private channel; reason and path have passed [Redact].
//
// The level is Info, but Warn for a refusal with a status of 500 or more. Put
// LoggingWith first: it does not log refusals by middleware before it.
//
// A line is logged with a context that has the values of the request's context.
// An exception is "stream closed" of a subscription, whose context has none: a
// waiting stream does not keep its request.
func LoggingWith(cfg LoggingConfig) core.Middleware {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Path == nil {
		cfg.Path = func(r *http.Request) string { return Redact(r.URL.Path) }
	}
	lines := newStreamLog(cfg)
	return func(h *core.Handshake) error {
		if !lines.chooses(time.Now()) {
			return nil
		}
		// The path is part of the request line, which it would keep in memory.
		l := line{log: lines, stream: h.Stream, path: unique.Make(cfg.Path(h.Request()))}
		if _, changes := h.ChannelChange(); changes {
			h.OnClose(func(sum core.Summary) { l.changed(h, sum) })
			return nil
		}
		if !h.OpensStream() {
			h.OnClose(l.answered)
			return nil
		}
		h.OnOpen(func() { l.opened(h.Request().Context()) })
		h.OnClose(l.closed)
		return nil
	}
}

// streamLog writes the lines of the streams that it chooses.
type streamLog struct {
	logger       *slog.Logger
	burst, every int
	unlogged     atomic.Int64 // how many streams were not chosen, and no line has said so

	mu     sync.Mutex // guards the fields below
	second int64      // the current one
	n      int        // how many streams came in it
}

func newStreamLog(cfg LoggingConfig) *streamLog {
	const streams = 100
	l := &streamLog{logger: cfg.Logger, burst: cfg.Burst, every: cfg.Every}
	if l.burst == 0 {
		l.burst = streams
	}
	if l.every <= 0 {
		l.every = streams
	}
	return l
}

// chooses reports whether to log a stream that comes now.
func (s *streamLog) chooses(now time.Time) bool {
	if s.burst < 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if second := now.Unix(); second != s.second {
		s.second, s.n = second, 0
	}
	s.n++
	if over := s.n - s.burst; over > 0 && over%s.every != 0 {
		s.unlogged.Add(1)
		return false
	}
	return true
}

func (s *streamLog) write(ctx context.Context, level slog.Level, msg string, attrs []slog.Attr) {
	if n := s.unlogged.Swap(0); n > 0 {
		attrs = append(attrs, slog.Int64(keyUnlogged, n))
	}
	s.logger.LogAttrs(context.WithoutCancel(ctx), level, msg, attrs...)
}

// line holds what all lines of one stream share.
type line struct {
	log    *streamLog
	stream *core.Stream
	path   unique.Handle[string]
}

func (l line) write(level slog.Level, msg string, attrs []slog.Attr, more ...slog.Attr) {
	l.log.write(l.stream.Context(), level, msg, append(attrs, more...))
}

// opened does not ask for the stream's context, which an open stream would keep.
func (l line) opened(ctx context.Context) {
	l.log.write(ctx, slog.LevelInfo, "stream opened", l.about())
}

func (l line) closed(sum core.Summary) {
	end := ending(sum)
	switch status := refusal(sum); {
	case sum.Opened:
		l.write(slog.LevelInfo, "stream closed", append(l.about(), end...),
			slog.Int64(keyEvents, sum.Events), slog.Int64(keyBytes, sum.Bytes), slog.Int(keyLag, sum.LagEvents))
	case status != 0:
		l.write(level(status), "stream refused", append(l.about(), slog.Int(keyStatus, status)), end...)
	default:
		l.write(slog.LevelInfo, "stream not opened", l.about(), end...)
	}
}

func (l line) changed(h *core.Handshake, sum core.Summary) {
	end := ending(sum)
	change, _ := h.ChannelChange()
	attrs := l.who(change.Stream)
	switch status := refusal(sum); {
	case change.Done:
		l.write(slog.LevelInfo, "channels changed", attrs, slog.Int(keyStatus, http.StatusOK), slog.Duration(keyDuration, sum.Duration),
			slog.Int(keyAdded, change.Added), slog.Int(keyRemoved, change.Removed))
	case status != 0:
		l.write(level(status), "change refused", append(attrs, slog.Int(keyStatus, status)), end...)
	default:
		l.write(slog.LevelInfo, "change refused", attrs, end...)
	}
}

func (l line) answered(sum core.Summary) {
	end := ending(sum)
	attrs := l.who("")
	switch status := refusal(sum); {
	case errors.Is(sum.Reason, core.ErrClosed) && status == 0:
		l.write(slog.LevelInfo, "request answered", attrs, slog.Int(keyStatus, http.StatusOK), slog.Duration(keyDuration, sum.Duration))
	case status != 0:
		l.write(level(status), "request refused", append(attrs, slog.Int(keyStatus, status)), end...)
	default:
		l.write(slog.LevelInfo, "request refused", attrs, end...)
	}
}

// ending returns the attributes of a stream's end.
func ending(sum core.Summary) []slog.Attr {
	return []slog.Attr{
		slog.String(keyEnd, core.EndReason(sum.Reason)), slog.String(keyReason, Redact(sum.Reason.Error())),
		slog.Duration(keyDuration, sum.Duration),
	}
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
	attrs := make([]slog.Attr, 0, 14)
	if stream != "" {
		attrs = append(attrs, slog.String(keyStream, stream[:min(len(stream), 12)]))
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
		for i, name := range channels {
			if history.IsPrivate(name) {
				channels[i] = "(private)"
			}
		}
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
