package boltstore_test

import (
	"bytes"
	"errors"
	"io/fs"
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

// open opens a store, which the test closes at the end.
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

// fresh returns the path of a file that does not exist.
func fresh(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "history.db")
}

// record returns the record of an event.
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

// kept returns the entries that a store keeps of channels.
func kept(t *testing.T, store core.Store, channels ...string) []*core.Entry {
	t.Helper()
	page, err := store.Read(t.Context(), core.Query{Channels: channels, Oldest: true})
	if err != nil {
		t.Fatalf("Read: got error %v, want none", err)
	}
	return page.Entries
}

// wantOpenError checks that Open returns an error, and does not change the file.
func wantOpenError(t *testing.T, path string, want error) {
	t.Helper()
	before, _ := os.ReadFile(path)
	for _, cfg := range []boltstore.Config{{LockWait: -1}, {LockWait: -1, Sync: boltstore.SyncInterval, Verify: true}} {
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
	wantOpenError(t, path, boltstore.ErrLocked)
	appendTo(t, store, record("a", "2"))
	closeStore(t, store)
	if got := kept(t, open(t, path, boltstore.Config{}), "a"); len(got) != 2 {
		t.Errorf("got %d events kept, want 2", len(got))
	}
}

// Open copies the path, which the caller may change afterwards.
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

// Open waits for a file that is in use.
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

// inBolt returns a function that changes a bbolt file.
func inBolt(change func(tx *bolt.Tx) error) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		t.Helper()
		db, err := bolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatalf("bolt.Open: %v", err)
		}
		if err := errors.Join(db.Update(change), db.Close()); err != nil {
			t.Fatalf("bolt: %v", err)
		}
	}
}

// inFile returns a function that writes a file.
func inFile(b []byte) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenForeign(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, path string){
		"a line":      inFile([]byte("hello\n")),
		"zeros":       inFile(make([]byte, 100_000)),
		"text":        inFile([]byte(strings.Repeat("hello, world\n", 10_000))),
		"SQLite":      inFile(append([]byte("SQLite format 3\x00"), make([]byte, 8000)...)),
		"a folder":    func(t *testing.T, path string) { t.Helper(); _ = os.Mkdir(path, 0o700) },
		"another app": inBolt(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("users")); return err }),
		"same bucket": inBolt(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("tidings")); return err }),
		"a later version": func(t *testing.T, path string) {
			t.Helper()
			closeStore(t, open(t, path, boltstore.Config{}))
			inBolt(func(tx *bolt.Tx) error {
				return tx.Bucket([]byte("tidings")).Put([]byte("format"), []byte("tidings history 3"))
			})(t, path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fresh(t)
			prepare(t, path)
			wantOpenError(t, path, boltstore.ErrForeign)
		})
	}
}

func TestOpenNoFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none", "history.db")
	wantOpenError(t, path, fs.ErrNotExist)
}

// Open initialises a file that a process left before it was initialised.
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
