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

// mutator changes the channels and groups of open streams, and closes some.
type mutator struct {
	*fixture
	*rand.Rand
}

func newMutator(f *fixture) *mutator {
	return &mutator{fixture: f, Rand: rand.New(rand.NewPCG(f.seed, 300))}
}

// run changes streams until nothing more is published.
func (m *mutator) run() {
	for {
		m.model.await(1 + m.IntN(8))
		if m.model.ended() {
			return
		}
		c := m.clients[m.IntN(len(m.clients))]
		m.publishLock.RLock()
		c.mu.Lock()
		if v := c.now; v != nil {
			switch n := m.IntN(20); {
			case n < 12:
				m.changeChannels(c, v)
			case n < 19:
				m.changeGroups(v)
			default:
				m.closeStream(v)
			}
		}
		c.mu.Unlock()
		m.publishLock.RUnlock()
	}
}

// changeChannels changes the channels of a stream. The caller holds c.mu.
func (m *mutator) changeChannels(c *client, v *visit) {
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
	if done := m.IntN(2) == 0 && stream.ChangeChannels(add, remove) == nil; !done && !m.post(v, add, remove) {
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

// post requests a change of channels, and reports whether it was made.
func (m *mutator) post(v *visit, add, remove []string) bool {
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

// changeGroups puts a stream into a group or takes it out of it.
func (m *mutator) changeGroups(v *visit) {
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

// closeStream closes a stream.
func (m *mutator) closeStream(v *visit) {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.opens().CloseWith(core.ErrExpired)
	m.closed.Add(1)
}
