package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// filled returns the bytes of a file with some history, and the frames of its
// entries by sequence number.
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

// metaField returns a number in the newer of the two pages that a bbolt file
// begins with: the list of free pages is at 32, the number of pages at 40.
func metaField(b []byte, at int) int {
	size, newer := os.Getpagesize(), 0
	if order := binary.NativeEndian; order.Uint64(b[size+16+48:]) > order.Uint64(b[16+48:]) {
		newer = size
	}
	return int(binary.NativeEndian.Uint64(b[newer+16+at:]))
}

func TestOpenDamaged(t *testing.T) {
	t.Parallel()
	whole, _ := filled(t)
	size := os.Getpagesize()
	for name, damaged := range map[string]func(b []byte) []byte{
		"the last page cut off": func(b []byte) []byte { return b[:(metaField(b, 40)-1)*size] },
		"the free list":         func(b []byte) []byte { clear(b[metaField(b, 32)*size:][:16]); return b },
		"cut in half":           func(b []byte) []byte { return b[:len(b)/2] },
		"one page only":         func(b []byte) []byte { return b[:size] },
		"half a page":           func(b []byte) []byte { return b[:size/2] },
		"both beginnings":       func(b []byte) []byte { clear(b[50:70]); clear(b[size+50 : size+70]); return b },
		"all but the head":      func(b []byte) []byte { clear(b[2*size:]); return b },
		"noise": func(b []byte) []byte {
			(&damager{Rand: rand.New(rand.NewPCG(1, 2))}).noise(b[2*size:])
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := fresh(t)
			if err := os.WriteFile(path, damaged(bytes.Clone(whole)), 0o600); err != nil {
				t.Fatal(err)
			}
			wantOpenError(t, path, boltstore.ErrDamaged)
		})
	}
}

// However a page is damaged, nothing panics, and no entry is returned that was
// not published. With Verify, Open finds damage of pages in use.
func TestOpenDamagedAnywhere(t *testing.T) {
	t.Parallel()
	whole, entries := filled(t)
	path := fresh(t)
	found := 0
	for seed := range uint64(60) {
		d := &damager{Rand: rand.New(rand.NewPCG(seed, 3)), b: bytes.Clone(whole)}
		from := d.IntN(len(d.b) - 64)
		switch seed % 3 {
		case 0: // a page
			from &^= 4095
			clear(d.b[from : from+4096])
		case 1: // one bit
			d.b[from] ^= 1 << d.IntN(8)
		default:
			d.noise(d.b[from : from+64])
		}
		for _, verify := range []bool{false, true} {
			if err := os.WriteFile(path, d.b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := useDamaged(t, path, verify, entries); err != nil {
				found++
				if !errors.Is(err, boltstore.ErrDamaged) && !errors.Is(err, boltstore.ErrForeign) {
					t.Errorf("seed %d: got error %v, want ErrDamaged", seed, err)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no damage was found at all")
	}
	t.Logf("found damage %d times", found)
}

// useDamaged opens a damaged file, reads from it and appends to it. It returns
// the first error of Open or of a read.
func useDamaged(t *testing.T, path string, verify bool, entries map[uint64][]byte) error {
	t.Helper()
	store, err := boltstore.Open(path, boltstore.Config{Verify: verify, LockWait: -1, Retention: core.Retention{Events: 300}})
	if err != nil {
		return err
	}
	if err = readAll(t, store, entries); err != nil && verify {
		t.Errorf("with Verify, Open found nothing, and then got %v", err)
	}
	_, _ = store.Append(t.Context(), []core.Record{record("a", "more")})
	_ = store.Close()
	return err
}

// readAll reads the entries in several ways, and compares them with those that
// were published.
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
