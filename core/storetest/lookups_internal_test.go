package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tidings-go/tidings/core"
)

func brokenLookups() []breakage {
	return []breakage{
		{"entries take over the name that was asked for", "lent names", func(d *double) {
			paging(d, func(q core.Query, page *core.Page) {
				for i, e := range page.Entries {
					r := e.Record()
					r.Channel, r.Body = q.Channels[slices.Index(q.Channels, r.Channel)], slices.Clone(r.Body)
					page.Entries[i] = r.At(e.Position, e.Time)
				}
			})
		}},
		{"unknown position is nothing newer", "unknown position", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				if _, newest, _ := d.MemoryStore.Bounds(ctx, []string{"none"}); q.After.Seq > newest.Seq {
					q.After = newest
				}
				return d.MemoryStore.Read(ctx, q)
			}
		}},
		{"the epoch is ignored", "other epoch", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				_, newest, _ := d.MemoryStore.Bounds(ctx, []string{"none"})
				q.After.Epoch = newest.Epoch
				return d.MemoryStore.Read(ctx, q)
			}
		}},
		{"bounds of all channels", "bounds", func(d *double) {
			d.bounds = func(ctx context.Context, _ []string) (oldest, newest core.Position, err error) {
				return d.MemoryStore.Bounds(ctx, []string{"a", "b", "c"})
			}
		}},
		{"the first entry of an ID", "resolve", func(d *double) {
			d.resolve = func(ctx context.Context, channels []string, id string) (core.Position, error) {
				page, err := d.MemoryStore.Read(ctx, core.Query{Channels: channels, Oldest: true})
				for _, e := range page.Entries {
					if e.ID() == id {
						return e.Position, nil
					}
				}
				return core.Position{}, errors.Join(err, core.ErrUnknownID)
			}
		}},
		{"the newest of several channels", "resolve among channels", func(d *double) {
			d.resolve = func(ctx context.Context, channels []string, id string) (core.Position, error) {
				var newest core.Position
				for _, channel := range channels {
					if at, err := d.MemoryStore.Resolve(ctx, []string{channel}, id); err == nil && at.Seq > newest.Seq {
						newest = at
					}
				}
				if newest.Seq == 0 {
					return newest, core.ErrUnknownID
				}
				return newest, nil
			}
		}},
		{"IDs of trimmed entries", "resolve trimmed", func(d *double) {
			var mu sync.Mutex
			known := make(map[string]core.Position)
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				entries, err := d.MemoryStore.Append(ctx, records)
				mu.Lock()
				defer mu.Unlock()
				for _, e := range entries {
					known[e.ID()] = e.Position
				}
				return entries, err
			}
			d.resolve = func(_ context.Context, _ []string, id string) (core.Position, error) {
				mu.Lock()
				defer mu.Unlock()
				if at, ok := known[id]; ok {
					return at, nil
				}
				return core.Position{}, core.ErrUnknownID
			}
		}},
		{"no error for an unknown ID", "resolve", func(d *double) {
			d.resolve = func(ctx context.Context, channels []string, id string) (core.Position, error) {
				at, _ := d.MemoryStore.Resolve(ctx, channels, id)
				return at, nil
			}
		}},
		{"Close fails the second time", "close", func(d *double) {
			var closed atomic.Bool
			d.close = func() error {
				if closed.Swap(true) {
					return errors.New("closed already")
				}
				return d.MemoryStore.Close()
			}
		}},
		{"Close closes nothing", "close", func(d *double) { d.close = func() error { return nil } }},
	}
}

func brokenAppends() []breakage {
	return []breakage{
		{"the slice is kept", "delivery", func(d *double) {
			// What comes in by one call is stored by the next.
			var kept []core.Record
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				now := append(slices.Clone(kept), records...)
				entries, err := d.MemoryStore.Append(ctx, now)
				kept = records
				return entries[len(now)-len(records):], err
			}
		}},
		{"one by one", "cancelled append", func(d *double) {
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				var all []*core.Entry
				for i, r := range records {
					if i == 1 && len(records) == 10 {
						<-ctx.Done()
					}
					if err := ctx.Err(); err != nil {
						return all, err
					}
					entries, err := d.MemoryStore.Append(ctx, []core.Record{r})
					if err != nil {
						return all, err
					}
					all = append(all, entries...)
				}
				return all, nil
			}
		}},
		{"batches interleave", "concurrent", func(d *double) {
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				var all []*core.Entry
				for _, r := range records {
					entries, err := d.MemoryStore.Append(ctx, []core.Record{r})
					if err != nil {
						return all, err
					}
					all = append(all, entries...)
					yieldProcessor()
				}
				return all, nil
			}
		}},
		{"does not stop waiting", "cancelled append", func(d *double) {
			closed := make(chan struct{})
			d.close = sync.OnceValue(func() error { close(closed); return d.MemoryStore.Close() })
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				if len(records) == 10 {
					<-closed
				}
				return d.MemoryStore.Append(ctx, records)
			}
		}},
		{"no key", "entries", func(d *double) {
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				for i := range records {
					records[i].Key = ""
				}
				return d.MemoryStore.Append(ctx, records)
			}
		}},
		{"no ID of its own", "entries", func(d *double) {
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				for i := range records {
					records[i].ID = ""
				}
				return d.MemoryStore.Append(ctx, records)
			}
		}},
		{"the newest is overwritten", "immutable", func(d *double) {
			var last *core.Entry
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				if last != nil {
					copy(last.Frame(), "date")
				}
				entries, err := d.MemoryStore.Append(ctx, records)
				last = entries[0]
				return entries, err
			}
		}},
		{"a number is left out", "positions", func(d *double) {
			n := 0
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				if n++; n == 3 {
					_, _ = d.MemoryStore.Append(ctx, []core.Record{text("hidden", "")})
				}
				return d.MemoryStore.Append(ctx, records)
			}
		}},
		{"too much is kept", "fills", func(d *double) {
			*d = *newDouble(core.Retention{Events: bound + 1, Bytes: -1})
		}},
		{"too little is kept", "fills", func(d *double) {
			*d = *newDouble(core.Retention{Events: bound - 1, Bytes: -1})
		}},
		{"bytes are not bounded", "bytes", func(d *double) {
			*d = *newDouble(core.Retention{Events: -1, Bytes: -1})
		}},
		{"age is not bounded", "age", func(d *double) {
			*d = *newDouble(core.Retention{Events: -1, Bytes: -1})
		}},
		{"all channels share the bound", "trimmed apart", func(d *double) {
			// The quiet channel is trimmed along with the busy one.
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				page, err := d.MemoryStore.Read(ctx, q)
				if slices.Contains(q.Channels, "quiet") && len(page.Entries) > 0 {
					page.Entries = page.Entries[1:]
				}
				return page, err
			}
		}},
	}
}
