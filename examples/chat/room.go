// Package chat is what the chat sample in Gin and the one in Fiber share: a
// room that knows its users, the page, and the command line.
package chat

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
)

// The channels of a room. Messages are history: a client that reconnects gets all
// that it missed. The list of users is a state: only the latest counts.
const (
	Talk   = "talk"   // the events chat and system
	Online = "online" // the events userlist and stats
)

// Room is a chat room on a hub. Its methods are safe for concurrent use.
type Room struct {
	hub   *core.Hub
	grace time.Duration

	// mu is held while something is published, too: what was true when an event
	// was made is true when it is published, so that the last userlist is right.
	// A MemoryStore does not make a publisher wait.
	mu    sync.Mutex
	seats map[string]*seat // by name
	shown []string         // the userlist that was published last
	heard int              // how many public messages there were
	mails int              // how many private ones
}

// NewRoom returns a room on a hub of its own. A name stays reserved for grace
// after its user left, so that a client that lost its connection, or a page that
// is loaded anew, can take it again.
func NewRoom(cfg core.HubConfig, grace time.Duration) *Room {
	r := &Room{grace: grace, seats: make(map[string]*seat)}
	cfg.OnJoin, cfg.OnLeave = r.joined, r.left
	cfg.Channels = append(cfg.Channels, core.ChannelConfig{Pattern: Online, Slow: core.Conflate})
	r.hub = core.NewHub(cfg)
	return r
}

// Hub returns the room's hub.
func (r *Room) Hub() *core.Hub { return r.hub }

// Users returns the sorted names of the users in the room: several streams under
// one name are one user. It is never nil.
func (r *Room) Users() []string {
	names := []string{}
	for _, s := range r.hub.Streams(Online) {
		if name, ok := s.Value(nameKey{}).(string); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// joined is called by the hub for each channel that a stream has joined. It
// publishes only if a name is new to the room: a client that connects again and
// again must not cause an event to all others each time.
func (r *Room) joined(channel string, s *core.Stream) {
	if channel != Online {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var news []core.Publication
	name, _ := s.Value(nameKey{}).(string)
	if seat := r.seats[name]; seat != nil && !seat.announced {
		seat.announced = true
		news = append(news, system(name+" joined"))
	}
	r.publish(news)
}

// left is called by the hub for each channel that a stream has left. That the
// user left is published later, unless it is back by then.
func (r *Room) left(channel string, _ *core.Stream) {
	if channel != Online {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.publish(nil)
}

// publish publishes news, and the list of users if it has changed. The caller
// holds r.mu.
func (r *Room) publish(news []core.Publication) {
	users := r.Users()
	if !slices.Equal(users, r.shown) {
		r.shown = users
		news = append(news, state("userlist", users), state("stats", stats{Online: len(users)}))
	}
	// There is no caller to report to. It fails only when the hub is closed.
	_, _ = r.hub.PublishBatch(context.Background(), news...)
}

// stats is the data of the event stats.
type stats struct {
	Online int `json:"online"`
}

// state returns a publication of which the latest counts. The key makes it part
// of the snapshot that new clients begin with.
func state(name string, v any) core.Publication {
	ev, _ := core.JSONEvent(name, v) // what this package passes can be put into JSON
	ev.Key = name
	return core.Publication{Channel: Online, Event: ev}
}

// system returns a line for all clients. It has no key: the snapshot leaves it
// out.
func system(text string) core.Publication {
	ev, _ := core.JSONEvent("system", text) // text can be put into JSON
	return core.Publication{Channel: Talk, Event: ev}
}

// recent is how many of the latest public messages a new client gets.
const recent = 20

// speak publishes a message to the audiences that it is for. The caller holds
// r.mu.
func (r *Room) speak(ctx context.Context, m Message, audiences ...core.Audience) error {
	ev, err := core.JSONEvent("chat", m)
	if err != nil {
		return err //nolint:wrapcheck // It says what it is.
	}
	// A new client begins with a snapshot: the latest event of each key. So of
	// public messages, which share a few keys in turn, it gets the latest; and of
	// private ones all that are kept and are for it.
	if m.Private {
		ev.Key = "private " + strconv.Itoa(r.mails)
		r.mails++
	} else {
		ev.Key = "public " + strconv.Itoa(r.heard%recent)
		r.heard++
	}
	batch := make([]core.Publication, len(audiences))
	for i, to := range audiences {
		batch[i] = core.Publication{Channel: Talk, Event: ev, To: to}
	}
	_, err = r.hub.PublishBatch(ctx, batch...)
	return err //nolint:wrapcheck // It says what it is.
}
