package oracle_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"

	"github.com/tidings-go/tidings/core"
)

// meddler changes what streams get while they are open, and closes some.
type meddler struct {
	*world
	*rand.Rand
}

func newMeddler(w *world) *meddler {
	return &meddler{world: w, Rand: rand.New(rand.NewPCG(w.seed, 300))}
}

// run meddles until nothing more is published.
func (m *meddler) run() {
	for {
		m.model.await(1 + m.IntN(8))
		if m.model.ended() {
			return
		}
		c := m.clients[m.IntN(len(m.clients))]
		m.turn.RLock()
		c.mu.Lock()
		if v := c.now; v != nil {
			switch n := m.IntN(20); {
			case n < 12:
				m.rechannel(c, v)
			case n < 19:
				m.regroup(v)
			default:
				m.shut(v)
			}
		}
		c.mu.Unlock()
		m.turn.RUnlock()
	}
}

// rechannel changes the channels of a stream. The caller holds c.mu.
func (m *meddler) rechannel(c *client, v *visit) {
	var add, remove []string
	for _, name := range allChannels() {
		switch m.IntN(9) {
		case 0, 1:
			add = append(add, name)
		case 2:
			remove = append(remove, name)
		}
	}
	stream := v.opens()
	began := m.model.now()
	if done := m.IntN(2) == 0 && stream.ChangeChannels(add, remove) == nil; !done && !m.ask(v, add, remove) {
		return // the stream has ended
	}
	v.mu.Lock()
	change(v.channels, add, remove, began, m.model.now())
	want := current(v.channels)
	v.mu.Unlock()
	if got := stream.Channels(); stream.Err() == nil && !slices.Equal(got, want) {
		m.Errorf("visit %s: after adding %q and removing %q, got channels %q, want %q", v.key, add, remove, got, want)
	}
	c.expect(v)
	m.changes.Add(1)
}

// ask changes channels by a request, and reports whether that was done.
func (m *meddler) ask(v *visit, add, remove []string) bool {
	body, err := json.Marshal(map[string]any{"stream": v.streamID(), "add": add, "remove": remove})
	if err != nil {
		m.Error(err)
	}
	address := "http://" + m.addr + "/channels?" + url.Values{"identity": {v.client.identity}}.Encode()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Post(address, "application/json", bytes.NewReader(body))
	if err != nil {
		m.Errorf("changing channels: %v", err)
		return false
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		m.Errorf("changing channels: got status %d", response.StatusCode)
	}
	return response.StatusCode == http.StatusOK
}

// regroup puts a stream into a group or takes it out of it.
func (m *meddler) regroup(v *visit) {
	name := fmt.Sprint("group ", m.IntN(3))
	began := m.model.now()
	if m.IntN(2) == 0 {
		if err := v.opens().Join(name); err != nil {
			m.Errorf("Join: %v", err)
		}
		v.mu.Lock()
		change(v.groups, []string{name}, nil, began, m.model.now())
	} else {
		v.opens().Leave(name)
		v.mu.Lock()
		change(v.groups, nil, []string{name}, began, m.model.now())
	}
	v.mu.Unlock()
	m.changes.Add(1)
}

// shut closes a stream.
func (m *meddler) shut(v *visit) {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.opens().CloseWith(core.ErrExpired)
	m.closed.Add(1)
}
