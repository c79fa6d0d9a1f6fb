package redisstore

import (
	"github.com/tidings-go/tidings/core/history"
)

// keys are the names of the keys of a store.
type keys struct {
	tag                     string
	state, stream, channels string // of all scripts
	tombs, writers          string
	once, marks             string
}

func newKeys(prefix string) keys {
	tag := "{" + prefix + "}"
	return keys{
		tag: tag, state: tag + ":state", stream: tag + ":events", channels: tag + ":channels",
		tombs: tag + ":tombs", writers: tag + ":writers", once: tag + ":once", marks: tag + ":marks",
	}
}

// common returns the keys of all scripts, and others, with room for more.
func (k keys) common(room int, others ...string) []string {
	return append(append(make([]string, 0, 3+len(others)+room), k.state, k.stream, k.channels), others...)
}

// Kinds of keys that a channel has.
const (
	indexKind    = ":index:"    // a list of what is kept, and what is not removed yet
	idsKind      = ":ids:"      // a hash of positions by the app's IDs
	subjectsKind = ":subjects:" // a sorted set of the newest of each subject
	onceKind     = ":once:"     // a hash of once keys
)

func (k keys) of(kind, channel string) string { return k.tag + kind + channel }

// channelKeys appends the keys of channels to those of a call.
func (s *Store) channelKeys(to []string, channels []string, kinds ...string) []string {
	for _, name := range channels {
		for _, kind := range kinds {
			to = append(to, s.keys.of(kind, name))
		}
	}
	return to
}

// bounds appends the number of channels and their retention to the arguments of a
// call.
func (s *Store) bounds(to []any, channels []string) []any {
	to = append(to, len(channels))
	for _, name := range channels {
		k := s.retention(name)
		to = append(to, name, k.Events, k.Bytes, k.Age.Microseconds(), k.Idle.Microseconds())
	}
	return to
}

func (s *Store) retention(channel string) history.ChannelRetention {
	return s.cfg.Retention.Of(channel)
}
