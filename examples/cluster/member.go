package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Reasons for which a button does nothing.
var (
	errRuns    = errors.New("it runs already")
	errDown    = errors.New("it does not run")
	errElse    = errors.New("the program did not start it: that is up to you")
	errRolling = errors.New("a rolling restart is going on")
	errEnding  = errors.New("the program ends")
)

// look is what is known of a process of the cluster.
type look struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	State string `json:"state"`
	PID   int    `json:"pid,omitempty"`
	// Starts is how often it was started.
	Starts int `json:"starts,omitempty"`
	// Viewers is the number of its open streams, of a node.
	Viewers int `json:"viewers"`
	// Fixed says that it cannot be killed or started here.
	Fixed bool `json:"fixed,omitempty"`

	everywhere int // viewers on all nodes, as a node knows it
}

// member is a process of the cluster, which can be killed and started again.
type member struct {
	child child
	probe bool // it has /healthz
	http  *http.Client

	acting sync.Mutex // held while it is killed or started

	mu      sync.Mutex
	look    look
	process *process // nil before the first start, and after the end of the program
	over    bool     // the program ends
}

// start starts the process.
func (m *member) start() error {
	m.acting.Lock()
	defer m.acting.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.look.Fixed:
		return errElse
	case m.over:
		return errEnding
	case m.process.runs():
		return errRuns
	}
	p, err := m.child.start()
	if err != nil {
		return err
	}
	m.process = p
	m.look.State, m.look.PID, m.look.Viewers = starting, p.cmd.Process.Pid, 0
	m.look.Starts++
	return nil
}

// end ends the process by a function, and waits for that.
func (m *member) end(by func(*process)) error {
	m.acting.Lock()
	defer m.acting.Unlock()
	m.mu.Lock()
	p, fixed := m.process, m.look.Fixed
	m.mu.Unlock()
	switch {
	case fixed:
		return errElse
	case !p.runs():
		return errDown
	}
	by(p)
	m.set(p, health{State: down})
	return nil
}

// kill is kill -9.
func (m *member) kill() error { return m.end((*process).kill) }

// terminate has the process end in order. More than that is not waited for.
func (m *member) terminate(within time.Duration) error {
	return m.end(func(p *process) { p.terminate(within) })
}

// close ends the process for good.
func (m *member) close() {
	m.mu.Lock()
	m.over = true
	m.mu.Unlock()
	_ = m.end(func(p *process) { p.stop(2 * time.Second) }) // or it is down
}

// set notes how a process is, unless another one has taken its place.
func (m *member) set(p *process, h health) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != p || h.State != down && !p.runs() {
		return
	}
	m.look.State, m.look.Viewers, m.look.everywhere = h.State, h.Viewers, h.Everywhere
	if h.State == down {
		m.look.PID = 0
	}
}

// now returns what is known of the process, and where it serves, if it does.
func (m *member) now() (l look, addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process.runs() {
		addr = m.process.serves()
	}
	return m.look, addr
}

// watch looks at the process again and again until ctx ends, and calls told
// after each time.
func (m *member) watch(ctx context.Context, told func()) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		m.ask(ctx)
		told()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// ask asks the process how it is.
func (m *member) ask(ctx context.Context) {
	m.mu.Lock()
	p := m.process
	m.mu.Unlock()
	switch {
	case !p.runs():
		m.set(p, health{State: down})
	case p.serves() == "":
		m.set(p, health{State: starting})
	case !m.probe:
		m.set(p, health{State: up})
	default:
		if h, err := m.health(ctx, p.serves()); err == nil {
			m.set(p, h)
		} else {
			m.set(p, health{State: silent})
		}
	}
}

// health asks a node how it is.
func (m *member) health(ctx context.Context, addr string) (h health, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		return h, err
	}
	resp, err := m.http.Do(r)
	if err != nil {
		return h, err
	}
	defer func() { _ = resp.Body.Close() }()
	err = json.NewDecoder(http.MaxBytesReader(nil, resp.Body, 1<<10)).Decode(&h)
	return h, err
}

// suspect notes that the process took no connection: the next look shows why.
func (m *member) suspect() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.look.State == up && m.process.runs() {
		m.look.State = silent
	}
}
