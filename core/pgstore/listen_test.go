package pgstore_test

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/pgstore"
	"github.com/tidings-go/tidings/core/pgstore/internal/pgtest"
)

// listeners waits until connections listen for a schema, other than those in not,
// and returns them.
func listeners(t *testing.T, c *pgtest.Cluster, schema string, not []int32) []int32 {
	t.Helper()
	pool := poolOn(t, c, 1)
	limit := time.Now().Add(nodetest.Patience)
	for {
		rows, err := pool.Query(t.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND query <> ''", schema+" listener")
		if err != nil {
			t.Fatal(err)
		}
		pids, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			t.Fatal(err)
		}
		if pids = slices.DeleteFunc(pids, func(pid int32) bool { return slices.Contains(not, pid) }); len(pids) > 0 {
			return pids
		}
		if time.Now().After(limit) {
			t.Fatalf("after %v: nobody listens", nodetest.Patience)
		}
		nodetest.Pause(t.Context(), 0.01)
	}
}

// A connection that listens and is lost is replaced: without it, events of other
// nodes would come once in an hour.
func TestLostListener(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{Schema: schema(), Poll: time.Hour}
	one := newNode(t, cluster, cfg)
	before := listeners(t, cluster, cfg.Schema, nil)
	two := newNode(t, cluster, pgstore.Config{Schema: cfg.Schema, PollOnly: true})
	r := one.Read(t, nodetest.All(""))
	two.MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	if _, err := poolOn(t, cluster, 1).Exec(t.Context(), "SELECT pg_terminate_backend($1)", before[0]); err != nil {
		t.Fatal(err)
	}
	listeners(t, cluster, cfg.Schema, before)
	two.MustPublish(t, "a", "2")
	r.Wants(t, "after", "1", "2")
}

// Connections that go silent without being closed, as through a firewall that
// forgets them, are noticed, the one that listens, too.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	cfg := pgstore.Config{Schema: schema(), Poll: 100 * time.Millisecond, Timeout: time.Second, NoMigrate: true}
	two := newNode(t, cluster, pgstore.Config{Schema: cfg.Schema})
	p := newProxy(t, cluster.Socket())
	store, err := pgstore.Open(t.Context(), p.dsn()+" application_name='frozen'", cfg)
	if err != nil {
		t.Fatal(err)
	}
	one := hubOn(t, store)
	own := listeners(t, cluster, "frozen", nil)
	r := one.Read(t, nodetest.All(""))
	two.MustPublish(t, "a", "1")
	r.Wants(t, "before", "1")
	p.freeze()
	two.MustPublish(t, "a", "2")
	r.Wants(t, "after", "1", "2")
	listeners(t, cluster, "frozen", own)
	one.PublishWhenBack(t, "a", "3")
	r.Wants(t, "after", "1", "2", "3")
}

// proxy passes connections on to a Unix socket.
type proxy struct {
	listener net.Listener
	busy     sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	frozen chan struct{} // closed by freeze
	end    chan struct{}
}

func newProxy(t *testing.T, socket string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, frozen: make(chan struct{}), end: make(chan struct{})}
	p.busy.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				_ = in.Close()
				continue
			}
			p.mu.Lock()
			p.conns = append(p.conns, in, out)
			frozen := p.frozen
			p.mu.Unlock()
			p.busy.Go(func() { p.pass(out, in, frozen) })
			p.busy.Go(func() { p.pass(in, out, frozen) })
		}
	})
	t.Cleanup(func() {
		close(p.end)
		_ = listener.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.busy.Wait()
	})
	return p
}

// pass copies until the connection is frozen. Then it holds it open.
func (p *proxy) pass(to io.Writer, from io.Reader, frozen chan struct{}) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		select {
		case <-frozen:
			<-p.end
			return
		default:
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// freeze makes all connections silent. New ones work.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.frozen)
	p.frozen = make(chan struct{})
}

func (p *proxy) dsn() string {
	return "host=127.0.0.1 user=postgres dbname=postgres sslmode=disable port=" + p.listener.Addr().String()[len("127.0.0.1:"):]
}
