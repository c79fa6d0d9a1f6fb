//go:build linux

// Package contender holds the servers that are compared: each is the plainest
// correct use of its library that serves the same endpoint.
package contender

import (
	"net"
	"slices"
	"strings"
	"time"
)

// Config says what a server is asked to do.
type Config struct {
	// Channels is how many channels there are.
	Channels int
	// History has the server keep events for clients that come back, where it
	// can. It is off where it is not measured, since it is not free.
	History bool
	// Keys has the channels conflate: the events of a channel are about so many
	// keys, one after the other, and the latest of each counts. 0: all events
	// count. It is for contenders that conflate.
	Keys int
	// Leaves has the server note when clients leave, for [Server] values that
	// are a [Leaver], too.
	Leaves bool
}

// historyEvents is how many events a server keeps with [Config.History].
const historyEvents = 1024

// Server is a contender at work.
type Server interface {
	// Publish publishes an event to a channel. It may block.
	Publish(channel int, data string) error
	// Close ends the server.
	Close() error
}

// Leaver is a server that notes when clients leave.
type Leaver interface {
	// Left waits, for a limited time, until n clients have left since the start,
	// and returns when the server noticed that the last of them had, by wire.Now.
	Left(n int, limit time.Duration) (at int64, ok bool)
}

// Contender is one way to serve event streams.
type Contender struct {
	// Name is what it is called on the command line and in tables.
	Name string
	// About says what it is, and how it is set up.
	About string
	// Replays reports whether clients that come back get what they missed.
	Replays bool
	// Conflates reports whether clients that are slow can get the latest event
	// of each key only.
	Conflates bool
	// Leaves reports whether its servers are each a [Leaver].
	Leaves bool
	// Start serves GET /events?stream=NAME on a listener.
	Start func(ln net.Listener, cfg Config) (Server, error)
}

// The names that results are compared with.
const (
	// Raw is the limit.
	Raw = "raw"
	// Tidings is the library's own, in its default set-up.
	Tidings = "tidings-gin"
	// Nchan is not among [All]: it is no Go program.
	Nchan = "nchan"
)

// All returns the contenders that are Go programs.
func All() []Contender {
	return append(tidings(),
		Contender{Name: "r3labs", About: "r3labs/sse v2", Replays: true, Start: startR3labs},
		Contender{Name: "go-sse", About: "tmaxmax/go-sse", Replays: true, Start: startGoSSE},
		Contender{
			Name: "launchdarkly", About: "launchdarkly/eventsource, server side", Replays: true,
			Start: startLaunchdarkly,
		},
		Contender{Name: "naive", About: "net/http by hand: a goroutine and a channel per client", Start: startNaive},
		Contender{Name: Raw, About: "a loop over sockets, one write each: the limit", Start: startRaw},
	)
}

// Find returns the contender of that name.
func Find(name string) (Contender, bool) {
	all := All()
	i := slices.IndexFunc(all, func(c Contender) bool { return c.Name == name })
	if i < 0 {
		return Contender{}, false
	}
	return all[i], true
}

// IsTidings reports whether a name is that of one of the library's own, of
// whatever version.
func IsTidings(name string) bool { return strings.HasPrefix(name, "tidings") }

// before marks the name of a contender that another build of this program
// serves.
const before = "@before"

// Before returns c as it is in another build of this program.
func (c Contender) Before() Contender {
	c.Name = NameBefore(c.Name)
	c.About += ", of the program before"
	c.Start = nil
	return c
}

// CutBefore returns the name of a contender without the mark of
// [Contender.Before], and reports whether it has one.
func CutBefore(name string) (plain string, found bool) { return strings.CutSuffix(name, before) }

// NameBefore returns the name that [Contender.Before] gives to a contender.
func NameBefore(name string) string { return name + before }

// nginx marks the name of a contender whose clients come through nginx.
const nginx = "@nginx"

// BehindNginx returns c with nginx in front of it.
func (c Contender) BehindNginx() Contender {
	c.Name += nginx
	c.About += ", behind nginx"
	c.Start = nil
	return c
}

// CutNginx returns the name of a contender without the mark of
// [Contender.BehindNginx], and reports whether it has one.
func CutNginx(name string) (direct string, found bool) {
	plain, isBefore := CutBefore(name)
	direct, found = strings.CutSuffix(plain, nginx)
	if isBefore {
		direct = NameBefore(direct)
	}
	return direct, found
}
