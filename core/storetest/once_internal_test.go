package storetest

import (
	"context"
	"sync"

	"github.com/tidings-go/tidings/core"
)

// remembering has a store remember once keys by itself. name returns what a
// record is remembered by, and answer what a repeat is answered with.
func remembering(d *double, name func(core.Record) string, answer func(first *core.Entry, again core.Record) *core.Entry) {
	var mu sync.Mutex
	known := make(map[string]*core.Entry)
	d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
		if len(records) != 1 || records[0].Once == "" {
			return d.MemoryStore.Append(ctx, records)
		}
		mu.Lock()
		defer mu.Unlock()
		r := records[0]
		if first := known[name(r)]; first != nil {
			return []*core.Entry{answer(first, r)}, nil
		}
		again := r
		again.Once = ""
		entries, err := d.MemoryStore.Append(ctx, []core.Record{again})
		if err == nil {
			known[name(r)] = entries[0]
		}
		return entries, err
	}
}

func theFirst(first *core.Entry, _ core.Record) *core.Entry { return first }

func byBoth(r core.Record) string { return r.Channel + "\x00" + r.Once }

func brokenOnce() []breakage {
	// ignored has every record published, whatever its key.
	ignored := func(d *double) {
		d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
			records[0].Once = ""
			return d.MemoryStore.Append(ctx, records)
		}
	}
	return []breakage{
		{"once keys are ignored", "once", ignored},
		{"once keys are ignored", "once, trimmed", ignored},
		{"once keys are ignored", "once, concurrently", ignored},
		{"once keys of all channels", "once", func(d *double) {
			remembering(d, func(r core.Record) string { return r.Once }, theFirst)
		}},
		{"channel and once key run together", "once", func(d *double) {
			remembering(d, func(r core.Record) string { return r.Channel + r.Once }, theFirst)
		}},
		{"a repeat has its own ID", "once", func(d *double) {
			remembering(d, byBoth, func(first *core.Entry, again core.Record) *core.Entry {
				r := first.Record()
				r.ID = again.ID
				return r.At(first.Position, first.Time)
			})
		}},
		{"a repeat has the newest position", "once", func(d *double) {
			remembering(d, byBoth, func(first *core.Entry, again core.Record) *core.Entry {
				_, newest, _ := d.MemoryStore.Bounds(context.Background(), []string{"none"})
				again.ID = first.ID()
				return again.At(newest, first.Time)
			})
		}},
		{"a repeat is delivered", "once", func(d *double) {
			var sinks []core.Sink
			d.attach = func(sink core.Sink) (core.Position, error) {
				sinks = append(sinks, sink)
				return d.MemoryStore.Attach(sink)
			}
			remembering(d, byBoth, func(first *core.Entry, _ core.Record) *core.Entry {
				for _, sink := range sinks {
					sink.Deliver([]*core.Entry{first})
				}
				return first
			})
		}},
		{"once while it is kept", "once, trimmed", func(d *double) {
			inner := d.MemoryStore
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				if len(records) == 1 && records[0].Once != "" {
					if _, err := inner.Resolve(ctx, []string{records[0].Channel}, records[0].ID); err != nil {
						records[0].Once = ""
					}
				}
				return inner.Append(ctx, records)
			}
		}},
		{"looked up before, not with", "once, concurrently", func(d *double) {
			var mu sync.Mutex
			known := make(map[string]*core.Entry)
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				name := byBoth(records[0])
				mu.Lock()
				first := known[name]
				mu.Unlock()
				if first != nil {
					return []*core.Entry{first}, nil
				}
				for range 100 {
					yieldProcessor()
				}
				records[0].Once = ""
				entries, err := d.MemoryStore.Append(ctx, records)
				mu.Lock()
				defer mu.Unlock()
				known[name] = entries[0]
				return entries, err
			}
		}},
		{"once for ever", "once window", func(d *double) { remembering(d, byBoth, theFirst) }},
		{"once keys outlive their channel", "forget once", func(d *double) { remembering(d, byBoth, theFirst) }},
		{"once keys of all channels are forgotten", "forget once", func(d *double) {
			d.forget = func(ctx context.Context, channel string) error {
				for _, c := range []string{channel, "a", "b", "a b"} {
					if err := d.MemoryStore.Forget(ctx, c); err != nil {
						return err
					}
				}
				return nil
			}
		}},
	}
}
