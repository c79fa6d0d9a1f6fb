package monitor

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// private is what stands for the name of a private channel, as in the lines of
// middleware.Logging.
const private = "(private)"

// channelRow is a channel in the table. All private channels are one row.
type channelRow struct {
	core.ChannelInfo

	// Private is the number of private channels that the row stands for.
	Private int `json:"private,omitempty"`
}

// allChannels returns the hub's channels, as they were a second ago at most.
// Measured less often if there are very many.
func (m *Monitor) allChannels() []channelRow {
	return m.channels.get(time.Now(), func() []channelRow {
		var rows []channelRow
		all := channelRow{ChannelInfo: core.ChannelInfo{Name: private}}
		for _, c := range m.hub.Channels() {
			if !history.IsPrivate(c.Name) {
				rows = append(rows, channelRow{ChannelInfo: c})
				continue
			}
			all.Private++
			all.Streams += c.Streams
			all.Events += c.Events
			all.Bytes += c.Bytes
		}
		if all.Private > 0 {
			rows = append(rows, all)
		}
		return rows
	})
}

// serveChannels answers with a page of the table of channels.
func (m *Monitor) serveChannels(w http.ResponseWriter, r *http.Request) {
	m.watch()
	s := selectionOf(r.URL.Query())
	var compare func(a, b *channelRow) int
	switch s.sort {
	case "streams":
		compare = func(a, b *channelRow) int { return cmp.Compare(a.Streams, b.Streams) }
	case "events":
		compare = func(a, b *channelRow) int { return cmp.Compare(a.Events, b.Events) }
	case "bytes":
		compare = func(a, b *channelRow) int { return cmp.Compare(a.Bytes, b.Bytes) }
	default:
		compare = func(a, b *channelRow) int { return cmp.Compare(a.Name, b.Name) }
	}
	t := pick(m.allChannels(), s, func(c *channelRow) bool { return strings.Contains(strings.ToLower(c.Name), s.search) }, compare)
	t.Time = m.channels.time().UnixMilli()
	writeJSON(w, t)
}
