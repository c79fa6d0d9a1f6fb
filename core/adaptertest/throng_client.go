//nolint:gosec // Tests need no secret randomness.
package adaptertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// throngClient is one client. It records what it gets, and what it has to get.
type throngClient struct {
	*throng
	session

	index      int // of its place in streams
	name, user string
	endpoint   string
	random     *rand.Rand

	private string // the stream's private channel
	now     membership
	steps   []step
	conns   []connection
	got     []delivery
	until   uint64 // it got everything up to here
}

// membership is the channels and groups of a stream, as sets of bits.
type membership struct{ channels, groups uint64 }

// step is a change of a stream. The client got everything up to since before the
// change, which was made by after.
type step struct {
	membership

	since, after uint64
}

// connection is one stream of a client, which got everything between two
// positions.
type connection struct {
	stream   string
	from, to uint64
}

// delivery is an event that came.
type delivery struct {
	seq  uint64
	conn int
}

// slot runs one client after the other.
func (h *throng) slot(index int) error {
	random := rand.New(rand.NewPCG(uint64(index), 2))
	for turn := 0; ; turn++ {
		c := &throngClient{
			throng: h, session: session{to: h.f}, index: index, random: random,
			name: fmt.Sprintf("client %d-%d", index, turn), user: userName(random.IntN(throngUsers)),
			endpoint: []string{"/owned", "/response"}[index%2],
		}
		h.mu.Lock()
		h.clients = append(h.clients, c)
		h.mu.Unlock()
		last, err := c.run()
		c.cut(false)
		if err != nil {
			h.ready.Done()
			return fmt.Errorf("%s on %s after %q: %w", c.name, c.endpoint, c.id, err)
		}
		if last {
			return nil
		}
	}
}

// run opens a stream and changes it, for some time or to the end of the test.
func (c *throngClient) run() (last bool, err error) {
	for range 2 + c.random.IntN(2) {
		c.now.channels |= 1 << c.random.IntN(throngChannels)
	}
	c.now.groups = 1 << c.random.IntN(throngGroups)
	if err := c.step(c.reconnect); err != nil {
		return false, err
	}
	for {
		if err := c.sync(time.Duration(c.random.IntN(1500)) * time.Millisecond); err != nil {
			return false, err
		}
		select {
		case <-c.over:
			err := c.sync(0)
			if err == nil {
				c.ready.Done()
				<-c.leave
			}
			return true, err
		default:
		}
		if c.random.IntN(12) == 0 {
			return false, nil // the next client begins
		}
		if err := c.step(c.act); err != nil {
			return false, err
		}
	}
}

// step does something, and records the membership after it.
func (c *throngClient) step(act func() error) error {
	since := c.until
	if err := act(); err != nil {
		return err
	}
	after, err := c.mark()
	c.steps = append(c.steps, step{membership: c.now, since: since, after: after})
	return err
}

// act changes the stream, or reconnects.
func (c *throngClient) act() error {
	stream := c.f.Hub.Stream(c.conns[len(c.conns)-1].stream)
	if stream == nil {
		return nil
	}
	group := c.random.IntN(throngGroups)
	switch c.random.IntN(10) {
	case 0:
		c.resumes.Add(1)
		c.cut(c.random.IntN(2) == 0)
		return c.reconnect()
	case 1:
		stream.CloseWith(errThrong)
		return nil
	case 2:
		ssetest.Pause(c.ctx, 300*time.Millisecond)
		return nil
	case 3:
		c.now.groups |= 1 << group
		return stream.Join(groupName(group))
	case 4:
		c.now.groups &^= 1 << group
		stream.Leave(groupName(group))
		return nil
	}
	return c.changeChannels(stream)
}

// changeChannels changes the stream's channels, on the server or by a request.
// A stream that has ended stays as it was.
func (c *throngClient) changeChannels(stream *core.Stream) (err error) {
	var add uint64
	for range c.random.IntN(3) {
		add |= 1 << c.random.IntN(throngChannels)
	}
	remove := c.now.channels & c.random.Uint64() & c.random.Uint64()
	add |= remove & c.random.Uint64() & c.random.Uint64() // removed and added again
	added, removed := names(add, channelName), names(remove, channelName)
	next := c.now.channels&^remove | add
	c.changes.Add(1)
	switch c.random.IntN(4) {
	case 0:
		var done bool
		if done, err = c.post(stream.ID(), added, removed); !done {
			return err
		}
	case 1:
		if err = stream.RemoveChannels(removed...); err == nil {
			c.now.channels &^= remove
			err = stream.AddChannels(added...)
		}
	default:
		err = stream.ChangeChannels(added, removed)
	}
	if ended(err) {
		return nil
	}
	c.now.channels = next
	return err
}

// ended reports whether an error says that a stream has ended.
func ended(err error) bool {
	return slices.ContainsFunc([]error{core.ErrClosed, core.ErrClientGone, core.ErrSlow, core.ErrDraining},
		func(reason error) bool { return errors.Is(err, reason) })
}

// post asks for a change of channels. It reports false if the stream has ended.
func (c *throngClient) post(stream string, add, remove []string) (bool, error) {
	body, err := json.Marshal(map[string]any{"stream": stream, "add": add, "remove": remove})
	if err != nil {
		return false, err
	}
	conn, err := c.f.Dial(c.ctx, 0)
	if err != nil {
		return false, err
	}
	defer conn.Cut(false)
	r, err := conn.Ask(fmt.Sprintf("POST %s/change?user=%s HTTP/1.1\r\nHost: a.example\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", c.endpoint, c.user, len(body), body))
	if err != nil {
		return false, err
	}
	if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("change: got %s", r.Status)
	}
	return r.StatusCode == http.StatusOK, err
}

// reconnect connects until a stream begins: it may be closed before.
func (c *throngClient) reconnect() error {
	c.path = c.endpoint + "?" + url.Values{
		"user": {c.user}, "name": {c.name},
		"c": names(c.now.channels, channelName), "group": names(c.now.groups, groupName),
	}.Encode()
	for {
		err := c.open()
		if !atEnd(err) {
			return err
		}
		c.cut(false)
	}
}

// open opens a stream, and reads its ID and its private channel.
func (c *throngClient) open() error {
	if err := c.connect(c.ctx); err != nil {
		return err
	}
	ev, err := c.next()
	if err != nil {
		return err
	}
	id, private, ok := strings.Cut(ev.Data, " ")
	if ev.Name != "stream" || !ok {
		return fmt.Errorf("first event: got %+v, want the stream's ID", ev)
	}
	c.private = private
	from, err := c.mark()
	c.conns = append(c.conns, connection{stream: id, from: from})
	c.streams[c.index].Store(&id)
	return err
}

// atEnd reports whether an error is the end of a connection.
func atEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

// sync reads until the client has everything that is published within a time,
// through as many connections as it takes.
func (c *throngClient) sync(within time.Duration) error {
	for {
		private := c.private
		c.timers.Add(1)
		time.AfterFunc(within, func() {
			defer c.timers.Done()
			// If the stream has ended, its channel is gone, and the client reads the
			// end.
			_, _ = c.f.Hub.Publish(c.ctx, private, core.Event{Name: "mark", Data: private})
		})
		err := c.readTo(private)
		if err == nil {
			c.until = c.seq
			c.conns[len(c.conns)-1].to = c.seq
			return nil
		}
		if !atEnd(err) {
			return err
		}
		c.resumes.Add(1)
		c.cut(false)
		if err := c.reconnect(); err != nil {
			return err
		}
	}
}

// readTo records events up to the mark with this data.
func (c *throngClient) readTo(mark string) error {
	for {
		ev, err := c.next()
		switch {
		case err != nil:
			return err
		case ev.Name == "":
			c.got = append(c.got, delivery{c.seq, len(c.conns) - 1})
		case ev.Data == mark:
			return nil
		}
	}
}
