package boltstore_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/boltstore"
)

// Reads succeed while the file grows and is mapped again, and the entries that
// they have returned do not change.
func TestReadWhileGrowing(t *testing.T) {
	t.Parallel()
	store := open(t, fresh(t), boltstore.Config{Retention: core.Retention{Events: -1, Bytes: -1, TotalBytes: -1}})
	const rounds, batch, size = 16, 25, 4000
	data := func(seq uint64) string { return fmt.Sprint(seq, " ") + strings.Repeat("x", size) }
	first := appendTo(t, store, record("a", data(1)))[0]
	var reading sync.WaitGroup
	for range 4 {
		reading.Go(func() {
			q := core.Query{Channels: []string{"a", "none"}, After: first.Position, MaxEvents: 30}
			var held []*core.Entry
			for q.After.Seq < 1+rounds*batch {
				page, err := store.Read(t.Context(), q)
				if err != nil {
					t.Errorf("Read %+v: got error %v, want none", q, err)
					return
				}
				held = append(held, page.Entries...)
				q.After = page.Through
			}
			for i, e := range held {
				seq := uint64(i + 2)
				if want := "data: " + data(seq) + "\n"; e.Seq() != seq || !bytes.Equal(e.Record().Body, []byte(want)) {
					t.Errorf("entry %d: got %v, %.20q, want %.20q", i, e.Position, e.Record().Body, want)
					return
				}
			}
		})
	}
	for round := range rounds {
		var records []core.Record
		for i := range batch {
			records = append(records, record("a", data(uint64(2+round*batch+i))))
		}
		appendTo(t, store, records...)
	}
	reading.Wait()
}
