package boltstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// damagedFile is the environment variable that gives the child process of
// TestVerifyNeverCrashes the path of the undamaged file.
const damagedFile = "TIDINGS_DAMAGED_FILE"

// damages is the number of damaged copies.
const damages = 160

// damager damages the pages of a bbolt file.
type damager struct {
	*rand.Rand

	b    []byte
	size int // of a page
}

// page returns a page of any kind, or as often a branch page.
func (d *damager) page() []byte {
	var all, branches [][]byte
	for page := range slices.Chunk(d.b[2*d.size:], d.size) {
		if all = append(all, page); binary.NativeEndian.Uint16(page[8:]) == 1 {
			branches = append(branches, page)
		}
	}
	if d.IntN(2) == 0 {
		all = branches
	}
	return all[d.IntN(len(all))]
}

func (d *damager) noise(b []byte) {
	for i := range b {
		b[i] = byte(d.Uint32())
	}
}

// damage damages the file in one of several ways.
func (d *damager) damage() {
	p := d.page()
	switch d.IntN(9) {
	case 0:
		d.noise(p[:16]) // its head
	case 1:
		at := 16 * d.IntN(8) // one of its elements, or its head
		d.noise(p[at : at+16])
	case 2: // one number of these
		binary.NativeEndian.PutUint32(p[4*d.IntN(40):], 1<<d.IntN(32))
	case 3:
		clear(p)
	case 4:
		clear(p[d.size/2:])
	case 5: // the contents of another page
		copy(p[8:], d.page()[8:])
	case 6: // a branch page that leads to other pages, or to itself
		binary.NativeEndian.PutUint16(p[8:], 1)
		for i := range 4 {
			binary.NativeEndian.PutUint64(p[16+16*i+8:], uint64(d.IntN(len(d.b)/d.size+2)))
		}
	case 7:
		from := d.IntN(len(d.b) - 64)
		d.noise(d.b[from : from+64])
	default:
		d.b[d.IntN(len(d.b))] ^= 1 << d.IntN(8)
	}
}

// openDamaged opens damaged copies of a file, and prints the seed of each.
func openDamaged(path string) error {
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	copied := path + ".damaged"
	found := 0
	for seed := range uint64(damages) {
		fmt.Println("seed", seed)
		d := damager{rand.New(rand.NewPCG(seed, 13)), bytes.Clone(whole), os.Getpagesize()}
		d.damage()
		if err := os.WriteFile(copied, d.b, 0o600); err != nil {
			return err
		}
		store, err := boltstore.Open(copied, boltstore.Config{Verify: true, LockWait: -1})
		switch {
		case err == nil:
			if bad := store.Close(); bad != nil {
				return fmt.Errorf("close: %w", bad)
			}
		case errors.Is(err, boltstore.ErrDamaged):
			found++
		default:
			return fmt.Errorf("got error %w, want ErrDamaged", err)
		}
	}
	fmt.Println("found", found)
	return nil
}

// dense returns the path of a copy without free pages, so that most damage hits
// a page in use.
func dense(t *testing.T, path string) string {
	t.Helper()
	from, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatalf("bolt.Open: %v", err)
	}
	copied := fresh(t)
	to, err := bolt.Open(copied, 0o600, nil)
	if err != nil {
		t.Fatalf("bolt.Open: %v", err)
	}
	if err := errors.Join(bolt.Compact(to, from, 0), to.Close(), from.Close()); err != nil {
		t.Fatalf("bolt.Compact: %v", err)
	}
	return copied
}

// With Config.Verify, Open returns an error for a damaged file: it neither
// crashes on a page that cannot be read nor follows pages in a circle. It runs
// in a child process, which a crash ends.
func TestVerifyNeverCrashes(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{Retention: core.Retention{Events: 2000}})
	for i := range 3 {
		fill(t, store, fmt.Sprint("room ", i), 500, 20)
		once := record("once", "x")
		once.Once = strconv.Itoa(i)
		appendTo(t, store, once)
	}
	if err := store.Forget(t.Context(), "room 0"); err != nil {
		t.Fatalf("Forget: %v", err)
	}
	closeStore(t, store)
	path = dense(t, path)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it takes seconds
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), damagedFile+"="+filepath.Clean(path))
	var fault bytes.Buffer
	child.Stderr = &fault
	out, err := child.Output()
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	last := lines[len(lines)-1]
	if err != nil {
		t.Fatalf("at %s: got %v, want no crash: %.600s", last, err, fault.Bytes())
	}
	t.Logf("%s of %d", last, damages)
}
