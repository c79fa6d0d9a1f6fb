package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// The numbers of one run.
const (
	publishers = 3
	clients    = 10
	heartbeat  = 40 * time.Millisecond
	retry      = 7 * time.Millisecond
	grace      = 30 * time.Millisecond // of a drain
)

// kind contains the settings that do not depend on the seed.
type kind struct {
	bolt bool
	sync boltstore.Sync
	conn core.ConnMode
	size int // operations of each publisher
}

// String returns the name of the configuration.
func (k kind) String() string {
	store := "memory"
	if k.bolt {
		store = "bolt " + k.sync.String()
	}
	return fmt.Sprintf("%s, %s", store, k.conn)
}

// settings are those of one run, chosen by its seed.
type settings struct {
	kind

	seed     uint64
	rings    map[string]int // events in a ring, by policy
	keeps    map[string]int // events in history, by policy
	page     int            // bytes of history read at once
	replays  int
	restarts int
	buffer   int // bytes of a socket's buffer on the server's side
	forgets  bool
}

// policies are the parts of a channel's name that say what befalls the slow.
var policies = []string{"evict", "skip", "conflate"}

// policy returns the policy in a channel's name.
func policy(channel string) string {
	name, _, _ := strings.Cut(channel, "-")
	return name
}

// allChannels returns the names of the channels.
func allChannels() (names []string) {
	for _, p := range policies {
		names = append(names, p+"-0", p+"-1")
	}
	return names
}

// choose returns the settings of a seed.
func choose(k kind, seed uint64) settings {
	r := rand.New(rand.NewPCG(seed, 1))
	s := settings{
		kind: k, seed: seed,
		rings:    make(map[string]int),
		keeps:    make(map[string]int),
		page:     []int{1, 512, 2048, 16384}[r.IntN(4)],
		replays:  2 + r.IntN(8),
		restarts: r.IntN(3),
		buffer:   []int{16384, 32768, 65536}[r.IntN(3)],
		forgets:  r.IntN(3) == 0,
	}
	for _, p := range policies {
		s.rings[p] = 4 + r.IntN(28)
		s.keeps[p] = []int{3, 12, 60, 5000}[r.IntN(4)]
	}
	if k.bolt {
		s.restarts = 1 + r.IntN(2)
	}
	return s
}

// retention returns what a store is to keep.
func (s settings) retention() core.Retention {
	r := core.Retention{Events: 1000, Bytes: -1, TotalBytes: -1, Idle: -1, OnceWindow: time.Hour}
	for _, p := range policies {
		r.Channels = append(r.Channels, core.ChannelRetention{Pattern: p + "-*", Events: s.keeps[p], Bytes: -1, Idle: -1})
	}
	return r
}

// hub returns the configuration of a hub.
func (s settings) hub(store core.Store) core.HubConfig {
	slow := map[string]core.SlowPolicy{"evict": core.Evict, "skip": core.Skip, "conflate": core.Conflate}
	cfg := core.HubConfig{Store: store, PageBytes: s.page, MaxReplays: s.replays, SessionTTL: time.Hour}
	for _, p := range policies {
		cfg.Channels = append(cfg.Channels, core.ChannelConfig{Pattern: p + "-*", Slow: slow[p], RingEvents: s.rings[p]})
	}
	return cfg
}

// batch returns how many events can be published together.
func (s settings) batch() int { return min(s.rings["evict"], s.rings["skip"], s.rings["conflate"]) }
