package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// open opens a store that is closed in the end.
func open(t *testing.T, path string, cfg boltstore.Config) *boltstore.Store {
	t.Helper()
	store, err := boltstore.Open(path, cfg)
	if err != nil {
		t.Fatalf("Open: got error %v, want none", err)
	}
	t.Cleanup(func() { closeStore(t, store) })
	return store
}

func closeStore(t *testing.T, store *boltstore.Store) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Errorf("Close: got error %v, want none", err)
	}
}

// fresh returns a path in a folder of the test's own.
func fresh(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "history.db")
}

// record returns a record of an event with that data.
func record(channel, data string) core.Record {
	return core.Record{Channel: channel, Body: []byte("data: " + data + "\n")}
}

// appendTo appends records, in one call.
func appendTo(t *testing.T, store core.Store, records ...core.Record) []*core.Entry {
	t.Helper()
	entries, err := store.Append(t.Context(), records)
	if err != nil {
		t.Fatalf("Append: got error %v, want none", err)
	}
	return entries
}

// kept returns what a store keeps of channels.
func kept(t *testing.T, store core.Store, channels ...string) []*core.Entry {
	t.Helper()
	page, err := store.Read(t.Context(), core.Query{Channels: channels, Oldest: true})
	if err != nil {
		t.Fatalf("Read: got error %v, want none", err)
	}
	return page.Entries
}

// fails checks that a file cannot be opened, and that it is as it was.
func fails(t *testing.T, path string, want error) {
	t.Helper()
	before, _ := os.ReadFile(path)
	for _, cfg := range []boltstore.Config{{LockWait: time.Millisecond}, {LockWait: time.Millisecond, Sync: boltstore.SyncInterval, Verify: true}} {
		store, err := boltstore.Open(path, cfg)
		if err == nil {
			closeStore(t, store)
		}
		if !errors.Is(err, want) {
			t.Errorf("Open: got error %v, want %v", err, want)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("Open: got error %q, want the path in it", err)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("Open has changed the file")
	}
}

func TestOpenInUse(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{})
	appendTo(t, store, record("a", "1"))
	fails(t, path, boltstore.ErrLocked)
	appendTo(t, store, record("a", "2"))
	closeStore(t, store)
	if got := kept(t, open(t, path, boltstore.Config{}), "a"); len(got) != 2 {
		t.Errorf("got %d events kept, want 2", len(got))
	}
}

// The path is the caller's again when Open returns, as a framework's text is.
func TestOpenCopiesPath(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	lent := []byte(path)
	store := open(t, unsafe.String(&lent[0], len(lent)), boltstore.Config{})
	clear(lent)
	if got := store.Path(); got != path {
		t.Errorf("got path %q, want %q", got, path)
	}
}

// A process that takes over waits for the one before it.
func TestOpenWaits(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{})
	opened := make(chan error)
	go func() {
		next, err := boltstore.Open(path, boltstore.Config{LockWait: time.Minute})
		if err == nil {
			err = next.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		t.Fatalf("Open of a file in use: got %v, want it to wait", err)
	case <-t.Context().Done():
	default:
	}
	closeStore(t, store)
	if err := <-opened; err != nil {
		t.Errorf("Open: got error %v, want none", err)
	}
}

func TestOpenForeign(t *testing.T) {
	t.Parallel()
	other := func(t *testing.T, path string, fill func(tx *bolt.Tx) error) {
		t.Helper()
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatalf("bolt.Open: %v", err)
		}
		if err := errors.Join(db.Update(fill), db.Close()); err != nil {
			t.Fatalf("bolt: %v", err)
		}
	}
	write := func(b []byte) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, make := range map[string]func(t *testing.T, path string){
		"a line":   write([]byte("hello\n")),
		"zeros":    write(make([]byte, 100_000)),
		"text":     write([]byte(strings.Repeat("hello, world\n", 10_000))),
		"SQLite":   write(append([]byte("SQLite format 3\x00"), make([]byte, 8000)...)),
		"a folder": func(t *testing.T, path string) { t.Helper(); _ = os.Mkdir(path, 0o700) },
		"another app": func(t *testing.T, path string) {
			t.Helper()
			other(t, path, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("users")); return err })
		},
		"same bucket": func(t *testing.T, path string) {
			t.Helper()
			other(t, path, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("tidings")); return err })
		},
		"a later version": func(t *testing.T, path string) {
			t.Helper()
			closeStore(t, open(t, path, boltstore.Config{}))
			other(t, path, func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("tidings")).Put([]byte("format"), []byte("tidings history 3"))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fresh(t)
			make(t, path)
			fails(t, path, boltstore.ErrForeign)
		})
	}
}

func TestOpenNoFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none", "history.db")
	fails(t, path, fs.ErrNotExist)
}

// What a process that was killed right at the beginning leaves is begun anew.
func TestOpenUnfinished(t *testing.T) {
	t.Parallel()
	for name, unfinished := range map[string]func(path string) error{
		"empty": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"bolt only": func(path string) error {
			db, err := bolt.Open(path, 0o600, nil)
			if err != nil {
				return err
			}
			return db.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fresh(t)
			if err := unfinished(path); err != nil {
				t.Fatal(err)
			}
			if got := appendTo(t, open(t, path, boltstore.Config{}), record("a", "1")); got[0].Position.Seq != 1 {
				t.Errorf("got position %v, want number 1", got[0].Position)
			}
		})
	}
}

// filled returns the bytes of a file with some history, and what it keeps.
func filled(t *testing.T) (file []byte, entries map[uint64][]byte) {
	t.Helper()
	path := fresh(t)
	store := open(t, path, boltstore.Config{Retention: core.Retention{Events: 300}})
	entries = make(map[uint64][]byte)
	for i := range 50 {
		var records []core.Record
		for n := range 20 {
			r := record([]string{"a", "b", "c"}[n%3], fmt.Sprintf("%d %s", i, strings.Repeat("x", 10*n)))
			r.Key, r.ID = fmt.Sprint("key ", n%7), fmt.Sprint("id ", i, n)
			records = append(records, r)
		}
		for _, e := range appendTo(t, store, records...) {
			entries[e.Position.Seq] = e.Frame()
		}
	}
	closeStore(t, store)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file, entries
}

func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	whole, _ := filled(t)
	size := os.Getpagesize()
	// field returns a number in the newer of the two pages that a file of bbolt's
	// begins with: the list of free pages is at 32, the number of pages at 40.
	field := func(b []byte, at int) int {
		order, newer := binary.NativeEndian, 0
		if order.Uint64(b[size+16+48:]) > order.Uint64(b[16+48:]) {
			newer = size
		}
		return int(order.Uint64(b[newer+16+at:]))
	}
	for name, damage := range map[string]func(b []byte) []byte{
		"the last page cut off": func(b []byte) []byte { return b[:(field(b, 40)-1)*size] },
		"the free list": func(b []byte) []byte {
			free := field(b, 32) * size
			clear(b[free : free+16])
			return b
		},
		"cut in half":      func(b []byte) []byte { return b[:len(b)/2] },
		"one page only":    func(b []byte) []byte { return b[:size] },
		"half a page":      func(b []byte) []byte { return b[:size/2] },
		"both beginnings":  func(b []byte) []byte { clear(b[50:70]); clear(b[size+50 : size+70]); return b },
		"all but the head": func(b []byte) []byte { clear(b[2*size:]); return b },
		"noise": func(b []byte) []byte {
			random := rand.New(rand.NewPCG(1, 2))
			for i := 2 * size; i < len(b); i++ {
				b[i] = byte(random.Uint32())
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fresh(t)
			if err := os.WriteFile(path, damage(bytes.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			fails(t, path, boltstore.ErrDamaged)
		})
	}
}

// Whatever becomes of a page, nothing panics, and nothing is handed out that was
// not published. With Verify, damage to what is used is found at once.
func TestOpenDamagedAnywhere(t *testing.T) {
	t.Parallel()
	whole, entries := filled(t)
	path := fresh(t)
	found := 0
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 3))
		b := bytes.Clone(whole)
		from := random.IntN(len(b) - 64)
		switch seed % 3 {
		case 0: // a page
			from &^= 4095
			clear(b[from : from+4096])
		case 1: // one bit
			b[from] ^= 1 << random.IntN(8)
		default:
			for i := range 64 {
				b[from+i] = byte(random.Uint32())
			}
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, verify := range []bool{false, true} {
			store, err := boltstore.Open(path, boltstore.Config{Verify: verify, LockWait: time.Millisecond, Retention: core.Retention{Events: 300}})
			if err == nil {
				err = readAll(t, store, entries)
				if err != nil && verify {
					t.Errorf("seed %d: with Verify, Open found nothing, and then got %v", seed, err)
				}
				_, _ = store.Append(t.Context(), []core.Record{record("a", "more")})
				_ = store.Close()
			}
			if err != nil && !errors.Is(err, boltstore.ErrDamaged) && !errors.Is(err, boltstore.ErrForeign) {
				t.Errorf("seed %d: got error %v, want ErrDamaged", seed, err)
			}
			if err != nil {
				found++
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if found == 0 {
		t.Error("no damage was found at all")
	}
	t.Logf("found damage %d times", found)
}

// readAll reads what there is in several ways, and compares it with what was
// published.
func readAll(t *testing.T, store core.Store, entries map[uint64][]byte) error {
	t.Helper()
	for _, q := range []core.Query{{Oldest: true}, {Tail: 50}, {Snapshot: true}} {
		q.Channels = []string{"a", "b", "c"}
		page, err := store.Read(t.Context(), q)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if want, ok := entries[e.Position.Seq]; !ok || !bytes.Equal(e.Frame(), want) {
				t.Errorf("entry %v: got frame %q, want %q", e.Position, e.Frame(), want)
			}
		}
	}
	return nil
}
