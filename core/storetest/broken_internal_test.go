package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/tidings-go/tidings/core"
)

// double is a MemoryStore with methods replaced.
type double struct {
	*core.MemoryStore

	attach  func(core.Sink) (core.Position, error)
	append  func(context.Context, []core.Record) ([]*core.Entry, error)
	read    func(context.Context, core.Query) (core.Page, error)
	resolve func(context.Context, []string, string) (core.Position, error)
	bounds  func(context.Context, []string) (core.Position, core.Position, error)
	forget  func(context.Context, string) error
	close   func() error
}

func newDouble(retention core.Retention) *double {
	return doubleOf(core.NewMemoryStore(retention))
}

func doubleOf(m *core.MemoryStore) *double {
	return &double{m, m.Attach, m.Append, m.Read, m.Resolve, m.Bounds, m.Forget, m.Close}
}

func (d *double) Attach(sink core.Sink) (core.Position, error) { return d.attach(sink) }

func (d *double) Append(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
	return d.append(ctx, records)
}

func (d *double) Read(ctx context.Context, q core.Query) (core.Page, error) { return d.read(ctx, q) }

func (d *double) Resolve(ctx context.Context, channels []string, id string) (core.Position, error) {
	return d.resolve(ctx, channels, id)
}

func (d *double) Bounds(ctx context.Context, channels []string) (oldest, newest core.Position, err error) {
	return d.bounds(ctx, channels)
}

func (d *double) Forget(ctx context.Context, channel string) error { return d.forget(ctx, channel) }

func (d *double) Close() error { return d.close() }

// sinkFunc is a sink that passes on what deliver makes of it.
type sinkFunc struct {
	core.Sink

	deliver func(to core.Sink, entries []*core.Entry)
}

func (s sinkFunc) Deliver(entries []*core.Entry) { s.deliver(s.Sink, entries) }

// delivering replaces what delivery does.
func delivering(d *double, deliver func(to core.Sink, entries []*core.Entry)) {
	d.attach = func(sink core.Sink) (core.Position, error) {
		return d.MemoryStore.Attach(sinkFunc{sink, deliver})
	}
}

// paging replaces what becomes of a page.
func paging(d *double, change func(q core.Query, page *core.Page)) {
	d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
		page, err := d.MemoryStore.Read(ctx, q)
		if err == nil {
			page.Entries = slices.Clone(page.Entries)
			change(q, &page)
		}
		return page, err
	}
}

// breakage is one way to get it wrong.
type breakage struct {
	name  string
	found string // the check that must find it
	apply func(d *double)
}

func breakages() []breakage {
	return slices.Concat(brokenDelivery(), brokenReads(), brokenLookups(), brokenAppends(), brokenContents(), brokenOnce(), brokenForget(), brokenRetention())
}

func brokenDelivery() []breakage {
	return []breakage{
		{"twice", "delivery", func(d *double) {
			delivering(d, func(to core.Sink, entries []*core.Entry) { to.Deliver(entries); to.Deliver(entries[:1]) })
		}},
		{"lost", "delivery", func(d *double) {
			delivering(d, func(to core.Sink, entries []*core.Entry) {
				if entries[0].Position.Seq != 7 {
					to.Deliver(entries)
				}
			})
		}},
		{"last one lost", "delivery", func(d *double) {
			delivering(d, func(to core.Sink, entries []*core.Entry) { to.Deliver(entries[:len(entries)-1]) })
		}},
		{"reversed in a batch", "delivery", func(d *double) {
			delivering(d, func(to core.Sink, entries []*core.Entry) {
				entries = slices.Clone(entries)
				slices.Reverse(entries)
				to.Deliver(entries)
			})
		}},
		{"in each appender's turn", "concurrent", func(d *double) {
			// Without the lock that Append holds: order and turns are lost.
			var mu sync.Mutex
			var sinks []core.Sink
			d.attach = func(sink core.Sink) (core.Position, error) {
				mu.Lock()
				defer mu.Unlock()
				sinks = append(sinks, sink)
				return d.MemoryStore.Attach(sinkFunc{sink, func(core.Sink, []*core.Entry) {}})
			}
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				entries, err := d.MemoryStore.Append(ctx, records)
				for _, sink := range sinks {
					sink.Deliver(entries)
				}
				return entries, err
			}
		}},
		{"only the last sink", "several sinks", func(d *double) {
			var mu sync.Mutex
			var last core.Sink
			d.attach = func(sink core.Sink) (core.Position, error) {
				mu.Lock()
				last = sink
				mu.Unlock()
				return d.MemoryStore.Attach(sinkFunc{sink, func(to core.Sink, entries []*core.Entry) {
					mu.Lock()
					defer mu.Unlock()
					if to == last {
						to.Deliver(entries)
					}
				}})
			}
		}},
		{"history to a new sink", "late attach", func(d *double) {
			d.attach = func(sink core.Sink) (core.Position, error) {
				start, err := d.MemoryStore.Attach(sink)
				page, _ := d.MemoryStore.Read(context.Background(), core.Query{Channels: []string{"a", "b"}, Oldest: true})
				sink.Deliver(page.Entries)
				return start, err
			}
		}},
		{"after Close", "close while appending", func(d *double) {
			var kept core.Sink
			d.attach = func(sink core.Sink) (core.Position, error) { kept = sink; return d.MemoryStore.Attach(sink) }
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				entries, err := d.MemoryStore.Append(ctx, records)
				if err != nil {
					kept.Trimmed("a", 1)
				}
				return entries, err
			}
		}},
	}
}

func brokenReads() []breakage {
	return []breakage{
		{"after includes", "nothing newer", func(d *double) {
			paging(d, func(q core.Query, page *core.Page) {
				if len(page.Entries) == 0 && q.After.Seq > 0 {
					again, _ := d.MemoryStore.Read(context.Background(), core.Query{Channels: q.Channels, Tail: 1})
					page.Entries = again.Entries
				}
			})
		}},
		{"gap at the newest trimmed", "gap boundary", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				oldest, newest, _ := d.MemoryStore.Bounds(ctx, q.Channels)
				if oldest.Seq > 1 && q.After.Seq > 0 && q.After.Seq < oldest.Seq {
					return core.Page{}, &core.GapError{Reason: core.GapTrimmed, Oldest: oldest, Newest: newest}
				}
				return d.MemoryStore.Read(ctx, q)
			}
		}},
		{"no gap before the newest trimmed", "gap boundary", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				page, err := d.MemoryStore.Read(ctx, q)
				oldest, _, _ := d.MemoryStore.Bounds(ctx, q.Channels)
				if gap := (*core.GapError)(nil); errors.As(err, &gap) && q.After.Seq+2 == oldest.Seq {
					q.After.Seq++
					return d.MemoryStore.Read(ctx, q)
				}
				return page, err
			}
		}},
		{"no gaps", "fills", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				page, err := d.MemoryStore.Read(ctx, q)
				if err != nil {
					q.Oldest = true
					return d.MemoryStore.Read(ctx, q)
				}
				return page, err
			}
		}},
		{"order of the channels", "merged channels", func(d *double) {
			paging(d, func(_ core.Query, page *core.Page) {
				slices.SortStableFunc(page.Entries, func(a, b *core.Entry) int { return strings.Compare(a.Channel, b.Channel) })
			})
		}},
		{"compared as text", "numeric order", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				if q.Oldest || q.Tail > 0 || q.Snapshot || q.After.Seq == 0 {
					return d.MemoryStore.Read(ctx, q)
				}
				all, err := d.MemoryStore.Read(ctx, core.Query{Channels: q.Channels, Oldest: true})
				all.Entries = slices.DeleteFunc(all.Entries, func(e *core.Entry) bool {
					return e.Position.String() <= q.After.String()
				})
				return all, err
			}
		}},
		{"other channels", "merged channels", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				if q.Channels[0] == "a" && !slices.Contains(q.Channels, "a.b") {
					q.Channels = append(slices.Clone(q.Channels), "a.b")
				}
				return d.MemoryStore.Read(ctx, q)
			}
		}},
		{"through the newest though full", "pages by count", func(d *double) {
			paging(d, func(_ core.Query, page *core.Page) {
				_, newest, _ := d.MemoryStore.Bounds(context.Background(), []string{"none"})
				page.Through = newest
			})
		}},
		{"through the last though not full", "oldest", func(d *double) {
			paging(d, func(q core.Query, page *core.Page) {
				if n := len(page.Entries); n > 0 {
					page.Through = page.Entries[n-1].Position
				} else {
					page.Through = q.After
				}
			})
		}},
		{"no bound on bytes", "pages by bytes", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				q.MaxBytes = 0
				return d.MemoryStore.Read(ctx, q)
			}
		}},
		{"tail of each channel", "tail", func(d *double) {
			paging(d, func(q core.Query, page *core.Page) {
				if q.Tail > 0 && len(q.Channels) > 1 {
					page.Entries = nil
					for _, channel := range q.Channels {
						own, _ := d.MemoryStore.Read(context.Background(), core.Query{Channels: []string{channel}, Tail: q.Tail})
						page.Entries = append(page.Entries, own.Entries...)
					}
				}
			})
		}},
		{"keyless in a snapshot", "snapshot", func(d *double) {
			paging(d, func(q core.Query, page *core.Page) {
				if q.Snapshot {
					last, _ := d.MemoryStore.Read(context.Background(), core.Query{Channels: q.Channels, Tail: 1})
					page.Entries = append(page.Entries, last.Entries...)
				}
			})
		}},
		{"a snapshot cut short", "snapshot", func(d *double) {
			paging(d, func(q core.Query, page *core.Page) {
				if q.Snapshot && q.MaxEvents > 0 {
					_, page.Through, _ = d.MemoryStore.Bounds(context.Background(), []string{"none"})
				}
			})
		}},
		{"a snapshot from the beginning on every page", "snapshot", func(d *double) {
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				if q.Snapshot {
					q.After = core.Position{}
				}
				return d.MemoryStore.Read(ctx, q)
			}
		}},
		{"a lock held between pages", "abandoned read", func(d *double) {
			free := make(chan struct{}, 1)
			d.read = func(ctx context.Context, q core.Query) (core.Page, error) {
				page, err := d.MemoryStore.Read(ctx, q)
				if _, newest, _ := d.MemoryStore.Bounds(ctx, []string{"none"}); err == nil && page.Through != newest {
					select {
					case free <- struct{}{}: // until somebody reads on
					default:
					}
				}
				return page, err
			}
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				select {
				case free <- struct{}{}:
					defer func() { <-free }()
					return d.MemoryStore.Append(ctx, records)
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
		}},
	}
}
