package monitor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

const (
	// maxFollows is how many channels are followed at most.
	maxFollows = 8
	// followRate is how many events a second are shown of a channel.
	followRate = 20
	// followKept is how many of its events the monitor's own hub keeps.
	followKept = 100
)

// follow is a channel that viewers follow.
type follow struct {
	seen time.Time // when a viewer asked for it; guarded by Monitor.mu
	stop context.CancelFunc
}

// followed is an event of a channel that is followed.
type followed struct {
	Channel string `json:"channel"`
	Time    int64  `json:"time"` // when it was seen, in milliseconds since 1970
	ID      string `json:"id"`
	Name    string `json:"name"`
	Data    string `json:"data"`
	To      string `json:"to,omitempty"` // its audience
	// Skipped reports that events before this one were left out, because there
	// were too many.
	Skipped bool `json:"skipped,omitempty"`
}

// follow returns the channel of the monitor's own hub that has the events of a
// channel of the app's, from now on.
func (m *Monitor) follow(name string) (to string, err error) {
	if !slices.ContainsFunc(m.allChannels(), func(c channelRow) bool { return c.Name == name && c.Private == 0 }) {
		return "", core.Refuse(http.StatusNotFound, "No such channel.")
	}
	sum := sha256.Sum256([]byte(name))
	to = "follow-" + hex.EncodeToString(sum[:16])
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.follows[to]
	if f == nil {
		if len(m.follows) >= maxFollows {
			return "", core.Refuse(http.StatusTooManyRequests, "Too many channels are followed.")
		}
		ctx, cancel := context.WithCancel(context.Background())
		f = &follow{stop: cancel}
		m.follows[to] = f
		go m.bridge(ctx, name, to)
	}
	f.seen = time.Now()
	return to, nil
}

// bridge publishes the events of the app's channel to a channel of the
// monitor's own hub. Of more than followRate in a second, it reads no more, and
// goes on with those of the next second, so that it costs little on any channel.
func (m *Monitor) bridge(ctx context.Context, name, to string) {
	skipped := false
	for ctx.Err() == nil {
		if !m.bridgeSome(ctx, name, to, skipped) {
			return
		}
		skipped = true
		pause := time.NewTimer(time.Second)
		select {
		case <-pause.C:
		case <-ctx.Done():
		case <-m.hub.Done():
		}
		pause.Stop()
	}
}

// bridgeSome passes events on until there are too many in a second. It reports
// whether there may be more.
func (m *Monitor) bridgeSome(ctx context.Context, name, to string, skipped bool) bool {
	began, n := time.Now(), 0
	for d, err := range m.hub.Subscribe(ctx, core.Subscription{Channels: []string{name}}) {
		if err != nil && !isGap(err) {
			return false
		}
		if err != nil || time.Since(began) > time.Second {
			began, n, skipped = time.Now(), 0, skipped || err != nil
		}
		if err != nil {
			continue
		}
		if n++; n > followRate {
			return true
		}
		ev, err := core.JSONEvent("follow", followed{
			Channel: name, Time: time.Now().UnixMilli(), ID: clipTo(d.ID, maxShown), Name: shown(d.Name),
			Data: middleware.Redact(clip(d.Data)), To: audience(d.To), Skipped: skipped,
		})
		if err == nil {
			_, err = m.own.Publish(ctx, to, ev)
		}
		if err != nil {
			return false
		}
		skipped = false
	}
	return false
}
