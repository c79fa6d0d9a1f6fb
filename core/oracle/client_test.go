package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"github.com/tidings-go/tidings/core"
)

// start is the model's form of [core.Start].
type start struct {
	from string // live, earliest, last, snapshot
	n    int
}

func (s start) public() core.Start {
	switch s.from {
	case "earliest":
		return core.Earliest()
	case "last":
		return core.Last(s.n)
	case "snapshot":
		return core.Snapshot()
	}
	return core.Live()
}

// after is the last event ID of a request.
type after struct {
	id    string
	bogus bool // no event has this ID
}

// client connects, reads, loses the connection and resumes, until it has
// received everything.
type client struct {
	*rand.Rand

	world    *fixture
	number   int
	start    start
	channels []string
	remember string
	identity string
	groups   []string
	modulus  int // of its filter

	seen   string // the ID of what it has seen
	visits []*visit

	mu             sync.Mutex      // held while it connects
	now            *visit          // the connection that is open, or nil
	remembered     []string        // the channels after a change, or nil
	began          map[string]span // when those began that were added
	rememberedLife int
}

// newClient returns a client of a random kind.
func newClient(f *fixture, number int) *client {
	r := rand.New(rand.NewPCG(f.seed, uint64(100+number)))
	c := &client{Rand: r, world: f, number: number}
	c.start = start{from: []string{"live", "live", "earliest", "last", "snapshot"}[r.IntN(5)], n: 1 + r.IntN(25)}
	all := allChannels()
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	c.channels = all[:1+r.IntN(4)]
	slices.Sort(c.channels)
	if r.IntN(2) == 0 {
		c.identity = fmt.Sprint("user ", r.IntN(3))
	}
	if r.IntN(2) == 0 {
		c.remember = fmt.Sprint("tab ", number)
	}
	for g := range 3 {
		if r.IntN(3) == 0 {
			c.groups = append(c.groups, fmt.Sprint("group ", g))
		}
	}
	if r.IntN(3) == 0 {
		c.modulus = 2 + r.IntN(4)
	}
	return c
}

// run connects again and again until the client has everything.
func (c *client) run() {
	for refused := 0; ; {
		v, conn := c.connect()
		if conn == nil {
			// A closed hub is replaced by another.
			c.world.publishLock.RLock()
			c.world.publishLock.RUnlock() //nolint:staticcheck // Nothing is to be done but to wait.
			if refused++; refused > 1000 {
				c.world.Errorf("client %d: refused %d times, with status %d at last", c.number, refused, v.status)
				return
			}
			if c.world.Context().Err() != nil || c.world.late() {
				return
			}
			continue
		}
		refused = 0
		done := c.read(v, conn)
		v.ended = c.world.model.now()
		if done || c.world.late() {
			return
		}
	}
}

// next chooses the last event ID of the next request.
func (c *client) next() after {
	switch n := c.IntN(50); {
	case n < 3:
		return after{}
	case n == 3:
		return after{"nonsense " + strconv.Itoa(c.IntN(9)), true}
	case n == 4:
		return after{"zzzz-5", true}
	case n == 5:
		if epoch, _, ok := parsePosition(c.seen); ok {
			return after{epoch + "-98765432", true}
		}
	}
	return after{id: c.seen}
}

// expect records a change of the open connection's channels. The caller holds
// c.mu.
func (c *client) expect(v *visit) {
	if c.remember != "" {
		c.remembered = v.has()
		c.rememberedLife, _ = v.place()
		if c.remembered == nil {
			c.remembered = []string{}
		}
		c.began = v.began()
	}
}

// drained reports whether the client has received everything.
func (c *client) drained(v *visit) bool {
	last := c.world.final.Load()
	if last == nil {
		return false
	}
	until := uint64(0)
	for _, name := range v.has() {
		until = max(until, last.seq[name])
	}
	gen, seq, ok := c.world.model.locate(c.seen)
	_, here := v.place()
	return until == 0 || ok && gen == last.gen && seq >= until && here == last.gen
}
