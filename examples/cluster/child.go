package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// childVariable is the environment variable that makes the program a child of
// itself. It holds a child in JSON: other users of the machine can read a command
// line, and the URL may hold a password.
const childVariable = "TIDINGS_CLUSTER_CHILD"

// child is what a process of the cluster is to be.
type child struct {
	// Name is one of the frameworks, or engineName.
	Name string `json:"name"`
	// Engine and URL say where the history is. Every is the time between two
	// prices. They are for nodes.
	Engine string        `json:"engine,omitempty"`
	URL    string        `json:"url,omitempty"`
	Every  time.Duration `json:"every,omitempty"`
	// Dir holds the engine's files, Port is its port, and Token what clients have
	// to know.
	Dir   string `json:"dir,omitempty"`
	Port  int    `json:"port,omitempty"`
	Token string `json:"token,omitempty"`
}

// childOf returns the child that this process is, if it is one.
func childOf(text string) (c child, ok bool) {
	return c, text != "" && json.Unmarshal([]byte(text), &c) == nil
}

// main runs the child until SIGTERM comes. If the program that started it ends,
// however that is, the pipe at its standard input ends, and so does life: the
// child then waits for nobody.
func (c child) main() (status int) {
	signal.Ignore(os.Interrupt) // a terminal sends Ctrl-C to all; the parent ends its children in order
	life, over := context.WithCancel(context.Background())
	defer over()
	go func() {
		defer over()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	ctx, stop := signal.NotifyContext(life, syscall.SIGTERM)
	defer stop()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("of", c.Name)
	run := c.runNode
	if c.Name == engineName {
		run = c.runEngine
	}
	if err := run(life, ctx, logger); err != nil && ctx.Err() == nil {
		logger.Error("ended", "err", err)
		return 1
	}
	return 0
}

// announce tells the parent where the child serves.
func announce(addr string) error {
	_, err := fmt.Println(addr)
	return err
}

// process is a child that was started.
type process struct {
	cmd      *exec.Cmd
	lifeline io.Closer     // the child ends when it is closed
	served   chan struct{} // closed when addr is valid
	addr     string        // empty if the child has ended before it served
	ended    chan struct{}
}

// start starts the child.
func (c child) start() (*process, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	p := &process{cmd: cmd, served: make(chan struct{}), ended: make(chan struct{})}
	if p.lifeline, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		r := bufio.NewReader(out)
		line, _ := r.ReadString('\n')
		p.addr = strings.TrimSpace(line)
		close(p.served)
		_, _ = io.Copy(io.Discard, r)
		_ = cmd.Wait()
	}()
	return p, nil
}

// serves returns where the child serves, or nothing if it does not yet.
func (p *process) serves() string {
	select {
	case <-p.served:
		return p.addr
	default:
		return ""
	}
}

// kill ends the child without a word to it, as kill -9 does, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// terminate asks the child to end in order, and kills it if it does not in time.
func (p *process) terminate(within time.Duration) {
	if p.cmd.Process.Signal(syscall.SIGTERM) != nil { // Windows has no such signal
		_ = p.lifeline.Close()
	}
	p.await(within)
}

// stop has the child end at once, and kills it if it does not in time.
func (p *process) stop(within time.Duration) {
	_ = p.lifeline.Close() // it may have ended
	p.await(within)
}

func (p *process) await(within time.Duration) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.kill()
	}
}

// runs reports whether the child has not ended. It is false for nil.
func (p *process) runs() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}
