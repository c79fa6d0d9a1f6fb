//go:build linux

package target

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/load"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

// Limit is how long any process runs at most, should nobody end it.
const Limit = 10 * time.Minute

// Cores says which core is whose. A negative one means any.
type Cores struct {
	Server, Load int
}

// Server is a server process.
type Server interface {
	// Addr is where it listens.
	Addr() string
	// PID is the process that serves.
	PID() int
	// Publish has events published, and returns when that is done.
	Publish(o wire.Order) (wire.Done, error)
	// Close ends the process.
	Close()
}

// Place says where a server runs, and what of.
type Place struct {
	Cores Cores
	// Before is the path of another build of this program, which serves the
	// contenders whose names say so.
	Before string
	// Profiles is the directory that a Go program writes a profile to, if any.
	Profiles string
}

// Start starts a contender's server.
func Start(name string, cfg contender.Config, p Place) (Server, error) {
	if name == contender.Nchan {
		return startNchan(p.Cores)
	}
	if direct, behind := contender.CutNginx(name); behind {
		return startBehind(direct, cfg, p)
	}
	plain, other := contender.CutBefore(name)
	program := ""
	if other {
		program = p.Before
	}
	// A program of an earlier commit knows no later flags: what is not asked for
	// is not said.
	args := []string{"server", "-name", plain, "-channels", strconv.Itoa(cfg.Channels)}
	if cfg.History {
		args = append(args, "-history")
	}
	if cfg.Leaves {
		args = append(args, "-leaves")
	}
	if cfg.Keys > 0 {
		args = append(args, "-keys", strconv.Itoa(cfg.Keys))
	}
	if p.Profiles != "" {
		file := fmt.Sprintf("%s-%d.pprof", name, time.Now().UnixMilli())
		args = append(args, "-profile", filepath.Join(p.Profiles, file))
	}
	c, err := start(program, p.Cores.Server, args...)
	if err != nil {
		return nil, err
	}
	addr, err := c.line(10 * time.Second)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("server %s: %w", name, err)
	}
	return &goServer{child: c, addr: addr}, nil
}

// goServer is a server that is this program.
type goServer struct {
	child *child
	addr  string
}

// Addr implements [Server].
func (s *goServer) Addr() string { return s.addr }

// PID implements [Server].
func (s *goServer) PID() int { return s.child.cmd.Process.Pid }

// Close implements [Server].
func (s *goServer) Close() { s.child.close() }

// Publish implements [Server].
func (s *goServer) Publish(o wire.Order) (wire.Done, error) {
	var done wire.Done
	if err := s.child.call(o, &done, patience(o)); err != nil {
		return done, fmt.Errorf("publish: %w", err)
	}
	return done, nil
}

// patience is how long an order may take: a publisher gives up by itself.
func patience(o wire.Order) time.Duration {
	return time.Duration(float64(o.Events)/o.Rate*1e9) + o.Grace + 20*time.Second
}

// Load is a load process.
type Load struct{ child *child }

// StartLoad starts the load.
func StartLoad(cores Cores) (*Load, error) {
	c, err := start("", cores.Load, "load")
	if err != nil {
		return nil, err
	}
	return &Load{child: c}, nil
}

// PID is the process of the load.
func (l *Load) PID() int { return l.child.cmd.Process.Pid }

// Close ends the process, and with it all its clients.
func (l *Load) Close() { l.child.close() }

// Do carries out a command.
func (l *Load) Do(c load.Command) (load.Report, error) {
	var r load.Report
	if err := l.child.call(c, &r, c.Timeout+20*time.Second); err != nil {
		return r, fmt.Errorf("load, %s: %w", c.Do, err)
	}
	if r.Error != "" {
		return r, fmt.Errorf("load, %s: %w", c.Do, errors.New(r.Error))
	}
	return r, nil
}
