package monitor

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// ErrOperator is the reason of a stream that was closed in the monitor: see
// [core.Stream.CloseWith].
var ErrOperator = errors.New("tidings: closed in the monitor")

const (
	// shownDigits is how many digits of a stream's ID are shown: as many as
	// middleware.Logging logs. The whole ID would authorize changes of its channels.
	shownDigits = 12
	// shownChannels is how many of a stream's channels are listed.
	shownChannels = 8
)

// streamRow is a stream in the table.
type streamRow struct {
	// Handle names the stream to the monitor, and nothing else.
	Handle string `json:"handle"`
	// ID is the beginning of the stream's ID.
	ID         string    `json:"id"`
	RemoteAddr string    `json:"remoteAddr"`
	Identity   string    `json:"identity"`
	Since      time.Time `json:"since"`
	// Channels are the first of the stream's channels, ChannelCount is their number.
	Channels     []string `json:"channels"`
	ChannelCount int      `json:"channelCount"`
	LagEvents    int      `json:"lagEvents"`
	LagBytes     int      `json:"lagBytes"`
	SentEvents   int64    `json:"sentEvents"`
	SentBytes    int64    `json:"sentBytes"`
	// Hijacked reports whether the stream costs no goroutine.
	Hijacked bool `json:"hijacked"`
}

// allStreams returns the app's streams, as they were a second ago at most.
// Measured less often if there are very many.
func (m *Monitor) allStreams() []core.StreamInfo {
	return m.streams.get(time.Now(), func() []core.StreamInfo {
		streams := m.hub.AllStreams()
		infos := make([]core.StreamInfo, len(streams))
		for i, s := range streams {
			infos[i] = s.Info()
		}
		return infos
	})
}

// serveStreams answers with a page of the table of streams.
func (m *Monitor) serveStreams(w http.ResponseWriter, r *http.Request) {
	m.watch()
	s := selectionOf(r.URL.Query())
	t := pick(m.allStreams(), s, func(i *core.StreamInfo) bool { return matches(i, s.search) }, streamOrder(s.sort))
	rows := table[streamRow]{
		Time: m.streams.time().UnixMilli(), Total: t.Total, Matched: t.Matched, Offset: t.Offset,
		Rows: make([]streamRow, len(t.Rows)),
	}
	for i, info := range t.Rows {
		rows.Rows[i] = m.row(info)
	}
	writeJSON(w, rows)
}

// matches reports whether a stream is found: by what is shown of it only, so
// that a search tells nothing more.
func matches(i *core.StreamInfo, search string) bool {
	has := func(text string) bool { return strings.Contains(strings.ToLower(text), search) }
	return has(i.ID[:shownDigits]) || has(i.RemoteAddr) || has(shown(i.Identity)) ||
		slices.ContainsFunc(i.Channels, func(name string) bool { return has(channelName(name)) })
}

// streamOrder returns the order of a column: by default, the order of arrival.
func streamOrder(column string) func(a, b *core.StreamInfo) int {
	switch column {
	case "address":
		return func(a, b *core.StreamInfo) int { return cmp.Compare(a.RemoteAddr, b.RemoteAddr) }
	case "identity":
		return func(a, b *core.StreamInfo) int { return cmp.Compare(a.Identity, b.Identity) }
	case "channels":
		return func(a, b *core.StreamInfo) int { return cmp.Compare(len(a.Channels), len(b.Channels)) }
	case "lag":
		return func(a, b *core.StreamInfo) int { return cmp.Compare(a.LagEvents, b.LagEvents) }
	case "events":
		return func(a, b *core.StreamInfo) int { return cmp.Compare(a.SentEvents, b.SentEvents) }
	case "bytes":
		return func(a, b *core.StreamInfo) int { return cmp.Compare(a.SentBytes, b.SentBytes) }
	}
	return func(a, b *core.StreamInfo) int { return a.Since.Compare(b.Since) }
}

func (m *Monitor) row(i *core.StreamInfo) streamRow {
	row := streamRow{
		Handle: m.handle(i.ID), ID: i.ID[:shownDigits], RemoteAddr: clipTo(i.RemoteAddr, maxShown), Identity: shown(i.Identity),
		Since: i.Since, Channels: []string{}, ChannelCount: len(i.Channels), LagEvents: i.LagEvents, LagBytes: i.LagBytes,
		SentEvents: i.SentEvents, SentBytes: i.SentBytes, Hijacked: i.Owned,
	}
	for _, name := range i.Channels[:min(len(i.Channels), shownChannels)] {
		row.Channels = append(row.Channels, channelName(name))
	}
	return row
}

// channelName returns what is shown of a channel's name.
func channelName(name string) string {
	if history.IsPrivate(name) {
		return private
	}
	return name
}

// handle returns what names a stream to this monitor, and does not tell its ID.
func (m *Monitor) handle(id string) string {
	sum := hmac.New(sha256.New, m.key[:])
	sum.Write([]byte(id))
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// serveClose closes the stream whose handle the form names.
func (m *Monitor) serveClose(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	wanted := r.PostFormValue("stream")
	for _, s := range m.hub.AllStreams() {
		if hmac.Equal([]byte(m.handle(s.ID())), []byte(wanted)) {
			s.CloseWith(ErrOperator)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	refuse(w, http.StatusNotFound)
}
