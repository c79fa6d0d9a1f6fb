package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
)

// audience is the model's form of [core.Audience].
type audience struct{ kind, name string }

// String returns the text of the audience.
func (a audience) String() string { return a.kind + ":" + a.name }

// public returns the library's form of the audience.
func (a audience) public() core.Audience {
	switch a.kind {
	case "group":
		return core.ToGroup(a.name)
	case "identity":
		return core.ToIdentity(a.name)
	case "stream":
		return core.ToStream(a.name)
	}
	return core.Audience{}
}

// event is one published event, as the model knows it.
type event struct {
	number  int // unique in a run; the data begins with it
	channel string
	to      audience
	ev      core.Event

	id    string // on the wire
	gen   int    // its generation, and the place there
	seq   uint64
	frame []byte // what a client must receive

	// start and end are the stamps before and after the call that published it.
	// It was appended between possible and sure, which also take into account
	// what is known of the events before and after it.
	start, end, possible, sure int64

	index int    // on its channel
	next  *event // the next with the same channel, audience and key
}

// publication returns what to publish.
func (e *event) publication() core.Publication {
	return core.Publication{Channel: e.channel, Event: e.ev, To: e.to.public()}
}

// source makes events.
type source struct {
	*rand.Rand

	first, made int
}

var (
	names    = []string{"", "", "tick", "größer", "a b"}
	retries  = []time.Duration{0, 0, 0, 0, time.Millisecond, 1500 * time.Microsecond, time.Second}
	newlines = []string{"\n", "\r", "\r\n", "\n\n"}
)

// event returns a new event for a channel.
func (s *source) event(channel string, to audience) *event {
	s.made++
	e := &event{number: s.first + s.made, channel: channel, to: to}
	// Most are small, some larger than the buffer of a socket.
	size := s.IntN(80)
	switch s.IntN(24) {
	case 0:
		size = 8000 + s.IntN(40000)
	case 1, 2, 3, 4, 5:
		size = 1000 + s.IntN(6000)
	case 6, 7, 8, 9:
		size = 200 + s.IntN(800)
	}
	var data strings.Builder
	data.WriteString(strconv.Itoa(e.number) + " ")
	for size > 0 {
		line := min(size, 1+s.IntN(2000))
		data.WriteString(strings.Repeat(string("abcdefgh: é"[s.IntN(9)]), line))
		if size -= line; size > 0 || s.IntN(6) == 0 {
			data.WriteString(newlines[s.IntN(len(newlines))])
		}
	}
	e.ev = core.Event{Data: data.String(), Name: names[s.IntN(len(names))], Retry: retries[s.IntN(len(retries))]}
	if s.IntN(2) == 0 {
		e.ev.Key = fmt.Sprint("key ", s.IntN(5))
	}
	return e
}

// encode returns what an event looks like on the wire (sections 9.2.5 and
// 9.2.6), without any code of the library.
func encode(ev core.Event, id string) []byte {
	var b strings.Builder
	if ev.Name != "" {
		fmt.Fprintf(&b, "event: %s\n", ev.Name)
	}
	if ev.Retry > 0 {
		fmt.Fprintf(&b, "retry: %d\n", (ev.Retry+time.Millisecond-1)/time.Millisecond)
	}
	data := strings.ReplaceAll(strings.ReplaceAll(ev.Data, "\r\n", "\n"), "\r", "\n")
	for line := range strings.SplitSeq(data, "\n") {
		fmt.Fprintf(&b, "data: %s\n", line)
	}
	if id != "" {
		fmt.Fprintf(&b, "id: %s\n", id)
	}
	return []byte(b.String() + "\n")
}

// numberOf returns the number that an event's data begins with.
func numberOf(data string) int {
	text, _, _ := strings.Cut(data, " ")
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
