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

// Environment variables that make the test binary a publisher: the path of the
// file, and the Sync.
const (
	publisherFile = "TIDINGS_PUBLISHER_FILE"
	publisherSync = "TIDINGS_PUBLISHER_SYNC"
)

// publishers is the number of goroutines that publish at the same time.
const publishers = 4

// publisher serves a hub on an inherited listener. It writes "ready", and begins
// to publish when it reads a line. It writes the ID of each event that Publish
// has returned.
func publisher(path, sync string) error {
	cfg := boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1}, Verify: true}
	if sync == boltstore.SyncInterval.String() {
		cfg.Sync = boltstore.SyncInterval
	}
	store, err := boltstore.Open(path, cfg)
	if err != nil {
		return err
	}
	hub := core.NewHub(core.HubConfig{Store: store, RingEvents: 64}) // fewer than are read from the file
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

// process is a running publisher.
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

// kill kills the process after it has published a number of events and a moment
// has passed. It returns the IDs that Publish had returned.
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
		if err != nil { // the last line may be cut off
			break
		}
		returned = append(returned, strings.TrimSuffix(line, "\n"))
	}
	_ = p.begin.Close()
	_ = p.cmd.Wait() // it was killed
	return returned
}

// A publisher is killed at any moment, again and again. No event that Publish
// returned is lost, and a client that reconnects each time receives every event
// once.
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
	ctx, cancel := context.WithCancel(t.Context())
	live := newFollower("http://" + listener.Addr().String())
	var following gosync.WaitGroup
	following.Go(func() { live.follow(ctx, client) })
	defer following.Wait()
	defer cancel()

	published := published{ids: make(map[uint64]string)}
	for round := range rounds {
		p := start(t, path, sync, inherited)
		published.replayed(t, live, client)
		published.add(t, p.kill(t, 1+rand.IntN(40), rand.IntN(3000)))
		t.Logf("round %d: %d events", round, len(published.ids))
	}
	p := start(t, path, sync, inherited)
	published.replayed(t, live, client)
	p.kill(t, 0, 0)
}

// published holds the IDs that Publish has returned.
type published struct {
	ids    map[uint64]string // by sequence number
	newest string
}

// add adds the IDs of a round.
func (p *published) add(t *testing.T, ids []string) {
	t.Helper()
	for _, id := range ids {
		seq := seqOf(t, id)
		if again, ok := p.ids[seq]; ok {
			t.Fatalf("Publish returned %s after %s", id, again)
		}
		if p.ids[seq] = id; p.newest == "" || seq > seqOf(t, p.newest) {
			p.newest = id
		}
	}
}

// replayed checks that a new client, and one that has reconnected, receive all
// of the events, before others are published.
func (p *published) replayed(t *testing.T, live *follower, client *http.Client) {
	t.Helper()
	if p.newest == "" {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	late := newFollower(live.url)
	var following gosync.WaitGroup
	following.Go(func() { late.follow(ctx, client) })
	defer following.Wait()
	defer cancel()
	replayed := late.wait(t, p.newest)
	inOrder(t, "new client", replayed)
	for seq, id := range p.ids {
		if replayed[seq-1] != id {
			t.Fatalf("event %d: got ID %s replayed, want %s", seq, replayed[seq-1], id)
		}
	}
	stayed := live.wait(t, p.newest)
	inOrder(t, "client that reconnects", stayed)
	if n := min(len(stayed), len(replayed)); !slices.Equal(stayed[:n], replayed[:n]) {
		t.Fatal("got other IDs live than replayed")
	}
}
