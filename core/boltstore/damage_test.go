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
	"strconv"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// damagedFile is what the process of TestVerifyNeverCrashes finds the path of
// the whole file in.
const damagedFile = "TIDINGS_DAMAGED_FILE"

const damages = 160

// harm damages a file of bbolt's in one of several ways: pages of any kind, and
// as often those that lead to others.
func harm(random *rand.Rand, b []byte) []byte {
	size := os.Getpagesize()
	var leading []int
	for i := 2; i < len(b)/size; i++ {
		if binary.NativeEndian.Uint16(b[i*size+8:]) == 1 {
			leading = append(leading, i)
		}
	}
	page := func() []byte {
		i := 2 + random.IntN(len(b)/size-2)
		if random.IntN(2) == 0 {
			i = leading[random.IntN(len(leading))]
		}
		return b[i*size : (i+1)*size]
	}
	noise := func(b []byte) {
		for i := range b {
			b[i] = byte(random.Uint32())
		}
	}
	p := page()
	switch random.IntN(9) {
	case 0:
		noise(p[:16]) // its head
	case 1:
		at := 16 * random.IntN(8) // one of its elements, or its head
		noise(p[at : at+16])
	case 2: // one number of these
		at := 4 * random.IntN(40)
		binary.NativeEndian.PutUint32(p[at:], 1<<random.IntN(32))
	case 3:
		clear(p)
	case 4:
		clear(p[size/2:])
	case 5: // another page in its place, with its number
		copy(p[8:], page()[8:])
	case 6: // a branch page that leads to another, or to itself
		binary.NativeEndian.PutUint16(p[8:], 1)
		for i := range 4 {
			binary.NativeEndian.PutUint64(p[16+16*i+8:], uint64(random.IntN(len(b)/size+2)))
		}
	case 7:
		from := random.IntN(len(b) - 64)
		noise(b[from : from+64])
	default:
		b[random.IntN(len(b))] ^= 1 << random.IntN(8)
	}
	return b
}

// openDamaged opens damaged copies of a file, and says which.
func openDamaged(path string) error {
	whole, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	copied := path + ".damaged"
	found := 0
	for seed := range uint64(damages) {
		fmt.Println("seed", seed)
		b := harm(rand.New(rand.NewPCG(seed, 13)), bytes.Clone(whole))
		if err := os.WriteFile(copied, b, 0o600); err != nil {
			return err
		}
		store, err := boltstore.Open(copied, boltstore.Config{Verify: true, LockWait: time.Millisecond})
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

// dense returns the path of a copy that has no free pages, so that most damage
// matters.
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

// Config.Verify has Open answer every damaged file with an error: it does not
// crash, as it would where a page is read that is not there, and it does not go
// on for ever. A crash ends a process, so that it has one of its own.
func TestVerifyNeverCrashes(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	store := open(t, path, boltstore.Config{Retention: core.Retention{Events: 2000}})
	for i := range 3 {
		room(t, store, fmt.Sprint("room ", i), 500, 20)
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
