package nodetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// storageEnv makes the test binary a node: it says where the storage is.
const storageEnv = "TIDINGS_NODE_STORAGE"

// Retention is that of the nodes' stores: clients may have been away for long.
func Retention() history.Retention { return history.Retention{Events: -1, Bytes: -1} }

// Serve makes the process a node if it was started as one by [Chaos]. It reports
// whether it was; the process then ends. open opens a store on the storage, with
// the [Retention] and a buffer of 1 MiB.
func Serve(open func(ctx context.Context, storage string) (history.Store, error)) bool {
	storage := os.Getenv(storageEnv)
	if storage == "" {
		return false
	}
	if err := serve(storage, open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// channels are those of the nodes.
func channels() []string { return []string{"p0", "p1", "p2", "p3"} }

// serve is a node in a process of its own: it serves a subscription to all
// channels, and publishes. It writes its address, and ends with its input.
func serve(storage string, open func(ctx context.Context, storage string) (history.Store, error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	store, err := open(ctx, storage)
	if err != nil {
		return err
	}
	hub := core.NewHub(core.HubConfig{Store: store, RingEvents: 256}) // fewer than a client may have missed
	gate := core.NewGate(hub, core.GateConfig{Start: core.Earliest(), Retry: 10 * time.Millisecond})
	mux := http.NewServeMux()
	mux.Handle("GET /events", gate.Subscribe(channels()...))
	mux.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		id, failure := hub.Publish(r.Context(), q.Get("channel"), core.Event{Data: q.Get("data")}, core.Once(q.Get("data")))
		if failure != nil {
			http.Error(w, failure.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte(id))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(listener) }()
	if _, err := os.Stdout.WriteString(listener.Addr().String() + "\n"); err != nil {
		return err
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return nil
}

// process is a node in a process of its own.
type process struct {
	storage string

	mu      sync.Mutex
	address string // empty while it does not run
	cmd     *exec.Cmd
}

// start starts the process.
func (p *process) start() error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), storageEnv+"="+p.storage)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // it ends with the test
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err = cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Process.Kill()
		return errors.Join(err, cmd.Wait())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.address = cmd, strings.TrimSpace(line)
	return nil
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	p.address = ""
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

// url returns the address of a path, or "" while the process does not run.
func (p *process) url(path string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.address == "" {
		return ""
	}
	return "http://" + p.address + path
}

// processes starts nodes, which are killed in the end.
func processes(t *testing.T, n int, storage string) []*process {
	t.Helper()
	all := make([]*process, n)
	for i := range all {
		all[i] = &process{storage: storage}
		if err := all[i].start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(all[i].kill)
	}
	return all
}
