package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/tidings-go/tidings/core"
)

// without has a store keep channels, and leave out of sight what was forgotten.
// gap says where it finds a gap.
func without(d *double, gap func(q core.Query, gone uint64) bool) {
	gone := make(map[string]uint64)
	d.forget = func(ctx context.Context, channel string) error {
		_, newest, err := d.MemoryStore.Bounds(ctx, []string{channel})
		gone[channel] = newest.Seq
		return err
	}
	paging(d, func(_ core.Query, page *core.Page) {
		page.Entries = slices.DeleteFunc(page.Entries, func(e *core.Entry) bool { return e.Position.Seq <= gone[e.Channel] })
	})
	read := d.read
	d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
		page, err := read(ctx, q)
		if err != nil || q.Oldest || q.Tail > 0 || q.Snapshot {
			return page, err
		}
		for _, channel := range q.Channels {
			if seq := gone[channel]; seq > 0 && gap(q, seq) {
				oldest, newest, _ := d.bounds(ctx, q.Channels)
				return core.Page{}, &core.GapError{Reason: core.GapTrimmed, Oldest: oldest, Newest: newest}
			}
		}
		return page, nil
	}
	d.bounds = func(ctx context.Context, channels []string) (oldest, newest core.Position, err error) {
		channels = slices.DeleteFunc(slices.Clone(channels), func(c string) bool { return gone[c] > 0 })
		return d.MemoryStore.Bounds(ctx, append(channels, "none"))
	}
	d.resolve = func(ctx context.Context, channels []string, id string) (core.Position, error) {
		at, err := d.MemoryStore.Resolve(ctx, channels, id)
		if err == nil && at.Seq <= gone[channels[0]] {
			return core.Position{}, core.ErrUnknownID
		}
		return at, err
	}
}

// brokenForget are stores that forget too much, or too little.
func brokenForget() []breakage {
	nothing := func(d *double) { d.forget = func(context.Context, string) error { return nil } }
	return []breakage{
		{"nothing is forgotten", "forget", nothing},
		{"nothing is forgotten", "forget and go on", nothing},
		{"nothing is forgotten", "forget once", nothing},
		{"forgotten without a gap", "forget", func(d *double) {
			without(d, func(core.Query, uint64) bool { return false })
		}},
		{"forgotten by the caller's name", "lent names", func(d *double) {
			without(d, func(q core.Query, gone uint64) bool { return q.After.Seq < gone })
		}},
		{"a gap for who was up to date", "forget", func(d *double) {
			without(d, func(q core.Query, gone uint64) bool { return q.After.Seq <= gone })
		}},
		{"a gap one too short", "forget", func(d *double) {
			without(d, func(q core.Query, gone uint64) bool { return q.After.Seq+1 < gone })
		}},
		{"another channel is forgotten, too", "forget", func(d *double) {
			d.forget = func(ctx context.Context, channel string) error {
				return errors.Join(d.MemoryStore.Forget(ctx, channel), d.MemoryStore.Forget(ctx, "b"))
			}
		}},
		{"IDs of what was forgotten", "forget", func(d *double) {
			var forgotten core.Position
			d.forget = func(ctx context.Context, channel string) error {
				if at, err := d.MemoryStore.Resolve(ctx, []string{channel}, "mine"); err == nil {
					forgotten = at
				}
				return d.MemoryStore.Forget(ctx, channel)
			}
			d.resolve = func(ctx context.Context, channels []string, id string) (core.Position, error) {
				at, err := d.MemoryStore.Resolve(ctx, channels, id)
				if err != nil && id == "mine" && forgotten.Seq > 0 {
					return forgotten, nil
				}
				return at, err
			}
		}},
		{"an error where nothing is kept", "forget", func(d *double) {
			d.forget = func(ctx context.Context, channel string) error {
				if _, err := d.MemoryStore.Read(ctx, core.Query{Channels: []string{channel}, Tail: 1}); err != nil || channel == "none" {
					return errors.New("no such channel")
				}
				return d.MemoryStore.Forget(ctx, channel)
			}
		}},
		{"private channels push out others", "forget private channels", func(d *double) {
			const remembered = 4096
			var mu sync.Mutex
			var forgotten int
			var before core.Position // what may be missing everywhere
			d.forget = func(ctx context.Context, channel string) error {
				mu.Lock()
				defer mu.Unlock()
				if forgotten++; forgotten > remembered {
					_, before, _ = d.MemoryStore.Bounds(ctx, []string{"none"})
				}
				return d.MemoryStore.Forget(ctx, channel)
			}
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				page, err := d.MemoryStore.Read(ctx, q)
				mu.Lock()
				defer mu.Unlock()
				if err == nil && len(page.Entries) == 0 && !q.Oldest && q.Tail == 0 && !q.Snapshot && q.After.Seq < before.Seq {
					return core.Page{}, &core.GapError{Reason: core.GapTrimmed, Oldest: page.Through, Newest: page.Through}
				}
				return page, err
			}
		}},
		{"forgetting private channels forgets the others", "forget private channels", func(d *double) {
			var mu sync.Mutex
			forgotten := 0
			d.forget = func(ctx context.Context, channel string) error {
				mu.Lock()
				defer mu.Unlock()
				forgotten++
				return d.MemoryStore.Forget(ctx, channel)
			}
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				page, err := d.MemoryStore.Read(ctx, q)
				mu.Lock()
				defer mu.Unlock()
				if gap := (*core.GapError)(nil); errors.As(err, &gap) && forgotten > 4096 {
					return core.Page{Through: gap.Newest}, nil
				}
				return page, err
			}
		}},
		{"the gap ends with the next event", "forget and go on", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				page, err := d.MemoryStore.Read(ctx, q)
				if gap := (*core.GapError)(nil); errors.As(err, &gap) {
					if all, _ := d.MemoryStore.Read(ctx, core.Query{Channels: q.Channels, Oldest: true}); len(all.Entries) == 1 {
						return all, nil
					}
				}
				return page, err
			}
		}},
	}
}
