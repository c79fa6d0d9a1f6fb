package boltstore_test

import (
	"bufio"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// publisherFile is the variable that makes the test binary a publisher on that
// file, and publisherSync how it syncs.
const (
	publisherFile = "TIDINGS_PUBLISHER_FILE"
	publisherSync = "TIDINGS_PUBLISHER_SYNC"
)

// publishers is how many goroutines publish at the same time.
const publishers = 4

// publisher serves a hub on an inherited listener. It writes "ready" when it
// serves, and begins to publish when a line comes in. Then it writes the ID of
// each event when Publish has returned it.
func publisher(path, sync string) error {
	cfg := boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1}, Verify: true}
	if sync == boltstore.SyncInterval.String() {
		cfg.Sync = boltstore.SyncInterval
	}
	store, err := boltstore.Open(path, cfg)
	if err != nil {
		return err
	}
	hub := core.NewHub(core.HubConfig{Store: store, RingEvents: 64}) // so that much comes from the file
	mux := http.NewServeMux()
	mux.Handle("/", core.NewGate(hub, core.GateConfig{Start: core.Earliest()}).Subscribe("stocks"))
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	go func() { _ = (&http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}).Serve(listener) }()
	if _, err := os.Stdout.WriteString("ready\n"); err != nil {
		return err
	}
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	failed := make(chan error)
	for range publishers {
		go func() {
			for {
				id, err := hub.Publish(context.Background(), "stocks", core.Event{Name: "stockupdate", Data: strings.Repeat("x", 200)})
				if err == nil {
					_, err = os.Stdout.WriteString(id + "\n")
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// process is a publisher that is running.
type process struct {
	cmd   *exec.Cmd
	begin io.WriteCloser
	lines *bufio.Reader
}

func start(t *testing.T, path string, sync boltstore.Sync, listener *os.File) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), publisherFile+"="+path, publisherSync+"="+sync.String())
	cmd.ExtraFiles = []*os.File{listener}
	cmd.Stderr = os.Stderr
	begin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("StdinPipe: %v", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("StdoutPipe: %v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("Start: %v", err)
	}
	p := &process{cmd, begin, bufio.NewReader(out)}
	if line, err := p.lines.ReadString('\n'); line != "ready\n" {
		t.Fatalf("publisher: got %q, %v, want it ready", line, err)
	}
	return p
}

// kill lets the process publish so many events and a moment more, kills it, and
// returns the IDs that Publish had returned.
func (p *process) kill(t *testing.T, events, moment int) (returned []string) {
	t.Helper()
	if events > 0 {
		if _, err := io.WriteString(p.begin, "begin\n"); err != nil {
			t.Fatalf("begin: %v", err)
		}
	}
	for {
		if len(returned) == events {
			for range moment {
				runtime.Gosched()
			}
			if err := p.cmd.Process.Kill(); err != nil {
				t.Fatalf("Kill: %v", err)
			}
		}
		line, err := p.lines.ReadString('\n')
		if err != nil { // what it was writing when it was killed may be cut off
			break
		}
		returned = append(returned, strings.TrimSuffix(line, "\n"))
	}
	_ = p.begin.Close()
	_ = p.cmd.Wait() // it was killed
	return returned
}

// reader is a client: it takes down the events that it gets, and comes back
// with the last ID when its connection is cut.
type reader struct {
	url string

	mu     gosync.Mutex
	ids    []string
	resets []string
	news   chan struct{} // has room for one
}

func newReader(url string) *reader { return &reader{url: url, news: make(chan struct{}, 1)} }

// stay reads until ctx ends.
func (r *reader) stay(ctx context.Context, client *http.Client) {
	for ctx.Err() == nil {
		r.visit(ctx, client)
	}
}

// visit reads until the connection is cut.
func (r *reader) visit(ctx context.Context, client *http.Client) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, http.NoBody)
	if err != nil {
		panic(err)
	}
	r.mu.Lock()
	if n := len(r.ids); n > 0 {
		request.Header.Set("Last-Event-ID", r.ids[n-1])
	}
	r.mu.Unlock()
	response, err := client.Do(request)
	if err != nil {
		return
	}
	defer func() { _ = response.Body.Close() }()
	for event, err := range core.NewDecoder(response.Body, core.DecoderConfig{}).All() {
		if err != nil {
			return
		}
		r.mu.Lock()
		if event.Name == "stockupdate" {
			r.ids = append(r.ids, event.ID)
		} else {
			r.resets = append(r.resets, event.Data)
		}
		r.mu.Unlock()
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
}

// has waits until the reader has an event, and returns all that it has.
func (r *reader) has(t *testing.T, id string) []string {
	t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		r.mu.Lock()
		ids, resets := r.ids, r.resets
		r.mu.Unlock()
		if len(resets) > 0 {
			t.Fatalf("%s: got resets %q, want none", r.url, resets)
		}
		if len(ids) > 0 && seqOf(t, ids[len(ids)-1]) >= seqOf(t, id) {
			return ids
		}
		select {
		case <-r.news:
		case <-limit.C:
			t.Fatalf("%s: got %d events, want them up to %s", r.url, len(ids), id)
		}
	}
}

func seqOf(t *testing.T, id string) uint64 {
	t.Helper()
	p, ok := core.ParsePosition(id)
	if !ok {
		t.Fatalf("got ID %q, want a position", id)
	}
	return p.Seq
}

// inOrder fails unless the IDs are of events each once, in order, and with none
// left out.
func inOrder(t *testing.T, who string, ids []string) {
	t.Helper()
	for i, id := range ids {
		if got, want := seqOf(t, id), uint64(i+1); got != want {
			t.Fatalf("%s: event %d: got ID %s, want number %d", who, i, id, want)
		}
	}
}

// A publisher that is killed at any moment, again and again, has lost nothing
// that Publish had returned, and a client whose connection is cut each time gets
// everything, once.
func TestKilled(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot inherit a listener there")
	}
	for _, sync := range []boltstore.Sync{boltstore.SyncAlways, boltstore.SyncInterval} {
		t.Run(sync.String(), func(t *testing.T) {
			t.Parallel()
			killed(t, sync, 20)
		})
	}
}

func killed(t *testing.T, sync boltstore.Sync, rounds int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	defer func() { _ = listener.Close() }()
	inherited, err := listener.File()
	if err != nil {
		t.Fatalf("File: %v", err)
	}
	defer func() { _ = inherited.Close() }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	live := newReader(url)
	var stay gosync.WaitGroup
	stay.Go(func() { live.stay(ctx, client) })
	defer stay.Wait()
	defer cancel()

	returned := make(map[uint64]string) // by Publish, in all rounds
	newest := ""
	for round := range rounds + 1 {
		p := start(t, path, sync, inherited)
		if newest != "" { // and nothing is published yet
			all := newReader(url)
			visit, leave := context.WithCancel(ctx)
			stay.Go(func() { all.stay(visit, client) })
			replayed := all.has(t, newest)
			leave()
			inOrder(t, "replay", replayed)
			for seq, id := range returned {
				if replayed[seq-1] != id {
					t.Fatalf("round %d: event %d: got ID %s replayed, want %s", round, seq, replayed[seq-1], id)
				}
			}
			stayed := live.has(t, newest)
			inOrder(t, "client that stays", stayed)
			if n := min(len(stayed), len(replayed)); !slices.Equal(stayed[:n], replayed[:n]) {
				t.Fatalf("round %d: got other IDs live than replayed", round)
			}
		}
		if round == rounds {
			p.kill(t, 0, 0)
			break
		}
		for _, id := range p.kill(t, 1+rand.IntN(40), rand.IntN(3000)) {
			seq := seqOf(t, id)
			if again, ok := returned[seq]; ok {
				t.Fatalf("round %d: Publish returned %s after %s", round, id, again)
			}
			if returned[seq] = id; newest == "" || seq > seqOf(t, newest) {
				newest = id
			}
		}
	}
	t.Logf("%d rounds: all of %d events that Publish had returned were replayed", rounds, len(returned))
}
