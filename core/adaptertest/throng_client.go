//nolint:gosec // Chance is no secret here.
package adaptertest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
)

// guest is one client of a throng.
type guest struct {
	*throng

	seatNumber, person int
	name, path         string
	random             *rand.Rand

	conn     net.Conn
	body     *bufio.Reader
	id, home string // of its stream
	last     string // the last event ID
	seq      uint64 // its position

	now    seen
	steps  []step
	visits []visit
	got    []heard
	until  uint64 // what it has to have got, up to there
}

// seen are the channels and groups whose events a guest sees, as sets of bits.
type seen struct{ channels, groups uint64 }

// step is a change of what a guest sees: it had got everything up to since, and
// the change was made by after.
type step struct {
	seen

	since, after uint64
}

// visit is one connection: it had got what is for the stream, from one position
// to the other.
type visit struct {
	id       string
	from, to uint64
}

// heard is an event that came.
type heard struct {
	seq   uint64
	visit int
}

// seat has guests come, one after the other, until everybody leaves.
func (h *throng) seat(n int) error {
	random := rand.New(rand.NewPCG(uint64(n), 2))
	for turn := 0; ; turn++ {
		g := &guest{
			throng: h, seatNumber: n, person: random.IntN(throngPeople), random: random,
			name: fmt.Sprintf("guest %d-%d", n, turn), path: []string{"/owned", "/response"}[n%2],
		}
		h.mu.Lock()
		h.guests = append(h.guests, g)
		h.mu.Unlock()
		last, err := g.stay()
		if g.conn != nil {
			_ = g.conn.Close()
		}
		if err != nil || last {
			if err != nil {
				err = fmt.Errorf("%s on %s after %q: %w", g.name, g.path, g.last, err)
				h.ready.Done()
			}
			return err
		}
	}
}

// stay stays for some steps, or to the end.
func (g *guest) stay() (last bool, err error) {
	for range 2 + g.random.IntN(2) {
		g.now.channels |= 1 << g.random.IntN(throngChannels)
	}
	g.now.groups = 1 << g.random.IntN(throngGroups)
	if err := g.change(g.connect); err != nil {
		return false, err
	}
	for {
		if err := g.sync(time.Duration(g.random.IntN(1500)) * time.Millisecond); err != nil {
			return false, err
		}
		select {
		case <-g.over:
			if err := g.sync(0); err != nil {
				return false, err
			}
			g.ready.Done()
			<-g.leave
			return true, nil
		default:
		}
		if g.random.IntN(12) == 0 {
			_ = g.conn.Close()
			g.conn = nil
			return false, nil // another one takes its place
		}
		if err := g.change(g.act); err != nil {
			return false, err
		}
	}
}

// change takes down what happens, and when.
func (g *guest) change(act func() error) error {
	since := g.until
	if err := act(); err != nil {
		return err
	}
	after, err := g.mark()
	g.steps = append(g.steps, step{seen: g.now, since: since, after: after})
	return err
}

// act does something that changes what the guest sees, or its connection.
func (g *guest) act() error {
	stream := g.b.hub.Stream(g.id)
	if stream == nil {
		return nil
	}
	group := g.random.IntN(throngGroups)
	switch g.random.IntN(10) {
	case 0:
		g.resumes.Add(1)
		if tcp, ok := g.conn.(*net.TCPConn); ok && g.random.IntN(2) == 0 {
			_ = tcp.SetLinger(0)
		}
		_ = g.conn.Close()
		return g.connect()
	case 1:
		stream.CloseWith(errKicked)
		return nil
	case 2:
		pause(g.ctx, 300*time.Millisecond)
		return nil
	case 3:
		g.now.groups |= 1 << group
		return stream.Join("g" + strconv.Itoa(group))
	case 4:
		g.now.groups &^= 1 << group
		stream.Leave("g" + strconv.Itoa(group))
		return nil
	}
	return g.retune(stream)
}

// retune changes the channels of the guest's stream, from the server's side or
// the client's.
func (g *guest) retune(stream *core.Stream) (err error) {
	next := g.now.channels
	var add, remove []string
	for range g.random.IntN(3) {
		n := g.random.IntN(throngChannels)
		add, next = append(add, channelName(n)), next|1<<n
	}
	for n := range throngChannels {
		if g.now.channels&(1<<n) == 0 || g.random.IntN(3) > 0 {
			continue
		}
		remove = append(remove, channelName(n))
		next &^= 1 << n
		if g.random.IntN(4) == 0 { // off, and on again
			add, next = append(add, channelName(n)), next|1<<n
		}
	}
	for _, name := range add {
		n, _ := strconv.Atoi(name[1:])
		next |= 1 << n // adding comes after removing
	}
	g.changes.Add(1)
	switch g.random.IntN(4) {
	case 0:
		var changed bool
		if changed, err = g.post(g, add, remove); !changed {
			return err
		}
	case 1: // in two steps, of which one may find the stream ended
		if err = stream.RemoveChannels(remove...); err == nil {
			for _, name := range remove {
				n, _ := strconv.Atoi(name[1:])
				g.now.channels &^= 1 << n
			}
			err = stream.AddChannels(add...)
		}
	default:
		err = stream.ChangeChannels(add, remove)
	}
	if ended(err) {
		return nil
	}
	g.now.channels = next
	return err
}

// connect connects until it has a stream: it may be closed before it begins.
func (g *guest) connect() error {
	for {
		err := g.ask()
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		_ = g.conn.Close()
	}
}

// ask asks for a stream, and reads its beginning.
func (g *guest) ask() error {
	query := url.Values{"user": {"u" + strconv.Itoa(g.person)}, "name": {g.name}}
	for n := range throngChannels {
		if g.now.channels&(1<<n) != 0 {
			query.Add("c", channelName(n))
		}
	}
	for n := range throngGroups {
		if g.now.groups&(1<<n) != 0 {
			query.Add("group", "g"+strconv.Itoa(n))
		}
	}
	var d net.Dialer
	conn, err := d.DialContext(g.ctx, "tcp4", g.b.addr)
	if err != nil {
		return err
	}
	g.conn = conn
	_ = conn.SetDeadline(time.Now().Add(2 * patience))
	header := ""
	if g.last != "" {
		header = "Last-Event-ID: " + g.last + "\r\n"
	}
	if _, err = io.WriteString(conn, "GET "+g.path+"?"+query.Encode()+" HTTP/1.1\r\nHost: a.example\r\n"+header+"\r\n"); err != nil {
		return err
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil) //nolint:bodyclose // Its connection is closed.
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status: %s", resp.Status)
	}
	g.body = bufio.NewReaderSize(resp.Body, 1<<10)
	g.visits = append(g.visits, visit{})
	for g.visits[len(g.visits)-1].id == "" {
		if _, err = g.block(); err != nil {
			return err
		}
	}
	from, err := g.mark()
	id := g.id
	g.visits[len(g.visits)-1].from = from
	g.current[g.seatNumber].Store(&id)
	return err
}

// sync reads until the guest has got everything that is published within a
// time, through as many connections as it takes.
func (g *guest) sync(within time.Duration) error {
	for {
		home := g.home
		g.timers.Add(1)
		time.AfterFunc(within, func() {
			defer g.timers.Done()
			// If the stream has ended, its channel is gone, and the client hears of it.
			_, _ = g.b.hub.Publish(g.ctx, home, core.Event{Name: "mark", Data: home})
		})
		for {
			mark, err := g.block()
			if err == nil && mark == home {
				g.until = g.seq
				g.visits[len(g.visits)-1].to = g.seq
				return nil
			}
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
			if err != nil {
				break
			}
		}
		g.resumes.Add(1)
		_ = g.conn.Close()
		if err := g.connect(); err != nil {
			return err
		}
	}
}

// block reads a block, and returns the data of a mark.
func (g *guest) block() (mark string, err error) {
	var name, data, id string
	for {
		text, err := g.body.ReadString('\n')
		if err != nil {
			return "", err
		}
		if text == "\n" {
			break
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(text, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "data":
			data = value
		case "id":
			id = value
		}
	}
	switch name {
	case core.ResetEvent:
		return "", fmt.Errorf("got a reset, want no gap: %s", data)
	case "stream":
		g.id, g.home, _ = strings.Cut(data, " ")
		g.visits[len(g.visits)-1].id = g.id
		return "", nil
	}
	if id == "" {
		return "", nil // a comment, or how long to wait
	}
	at, ok := core.ParsePosition(id)
	if !ok || at.Seq < g.seq || data != "" && at.Seq == g.seq {
		return "", fmt.Errorf("position %s, with data %q: got it after %d", id, data, g.seq)
	}
	g.last, g.seq = id, at.Seq
	switch {
	case name == "mark":
		return data, nil
	case data != "":
		g.got = append(g.got, heard{g.seq, len(g.visits) - 1})
	}
	return "", nil
}
