package oracle_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

var (
	duration = flag.Duration("oracle", 0, "for how long the oracle runs, with one seed after the other; default: a fixed number of runs")
	seed     = flag.Uint64("seed", 0, "the oracle's seed, or with -oracle the first one; default: a few fixed ones and a random one")
)

// kinds are the configurations.
func kinds() []kind {
	return []kind{
		{conn: core.AutoConn, size: 120},
		{conn: core.ResponseConn, size: 120},
		{bolt: true, sync: boltstore.SyncInterval, conn: core.OwnedConn, size: 100},
		{bolt: true, sync: boltstore.SyncInterval, conn: core.ResponseConn, size: 100},
		{bolt: true, sync: boltstore.SyncAlways, conn: core.AutoConn, size: 50},
		{bolt: true, sync: boltstore.SyncAlways, conn: core.ResponseConn, size: 50},
	}
}

// TestOracle compares every byte that clients receive with what they must and
// may receive.
//
//nolint:paralleltest // It counts the descriptors of the whole process.
func TestOracle(t *testing.T) {
	warmUp(t)
	before := descriptors()
	var all tally
	began := time.Now()
	if *duration > 0 {
		endless(t, &all, began)
	} else {
		seeds := []uint64{1, 2, rand.Uint64N(1_000_000_000)}
		if *seed != 0 {
			seeds = []uint64{*seed}
		}
		for _, one := range seeds {
			round(t, one, &all)
		}
	}
	if after := descriptors(); after > before {
		t.Errorf("got %d open descriptors in the end, want no more than the %d of the beginning", after, before)
	}
	t.Logf("in %v: %s", time.Since(began).Round(time.Millisecond), &all)
}

// endless runs with one seed after the other.
func endless(t *testing.T, all *tally, began time.Time) {
	t.Helper()
	if end, ok := t.Deadline(); ok && time.Until(end) < *duration+patience {
		t.Fatalf("the test binary ends by itself before %v have passed: add -timeout 0", *duration)
	}
	first := *seed
	if first == 0 {
		first = rand.Uint64N(1_000_000_000)
	}
	for n := uint64(0); time.Since(began) < *duration && !t.Failed(); n++ {
		round(t, first+n, all)
		if n%50 == 49 {
			t.Logf("after %v, up to seed %d: %s", time.Since(began).Round(time.Second), first+n, all)
		}
	}
}

// round runs all configurations at the same time. They mostly wait, so that the
// limit on parallel tests would only make them slower.
func round(t *testing.T, one uint64, all *tally) {
	t.Helper()
	var running sync.WaitGroup
	defer running.Wait()
	for _, k := range kinds() {
		running.Go(func() {
			t.Run(fmt.Sprintf("%s, seed %d", k, one), func(t *testing.T) {
				all.add(run(t, choose(k, one)))
			})
		})
	}
}

// warmUp makes the runtime open the descriptors that it keeps for the network.
func warmUp(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
}

// descriptors returns how many files are open, or 0 where that cannot be told.
func descriptors() int {
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
