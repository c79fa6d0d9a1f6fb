package storetest

import (
	"context"
	"slices"

	"github.com/tidings-go/tidings/core"
)

// rewriting replaces what becomes of each entry on its way out of the store.
func rewriting(d *double, change func(r *core.Record)) {
	paging(d, func(_ core.Query, page *core.Page) {
		for i, e := range page.Entries {
			r := e.Record()
			r.Body = slices.Clone(r.Body)
			change(&r)
			page.Entries[i] = r.At(e.Position, e.Time)
		}
	})
}

// brokenContents are stores that lose part of an event.
func brokenContents() []breakage {
	noAudience := func(r *core.Record) { r.To = core.Audience{} }
	apart := func(r *core.Record) { r.Following = 0 }
	return []breakage{
		{"no audience", "entries", func(d *double) {
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				for i := range records {
					noAudience(&records[i])
				}
				return d.MemoryStore.Append(ctx, records)
			}
		}},
		{"no audience when read", "entries", func(d *double) { rewriting(d, noAudience) }},
		{"no audience when read", "durable", func(d *double) { rewriting(d, noAudience) }},
		{"no audience when delivered", "entries", func(d *double) {
			delivering(d, func(to core.Sink, entries []*core.Entry) {
				entries = slices.Clone(entries)
				for i, e := range entries {
					r := e.Record()
					r.Body = slices.Clone(r.Body)
					noAudience(&r)
					entries[i] = r.At(e.Position, e.Time)
				}
				to.Deliver(entries)
			})
		}},
		{"the kind of an audience is lost", "entries", func(d *double) {
			rewriting(d, func(r *core.Record) {
				if !r.To.Everybody() {
					r.To = core.ToGroup("group: ä b")
				}
			})
		}},
		{"batches fall apart", "entries", func(d *double) {
			d.append = func(ctx context.Context, records []core.Record) ([]*core.Entry, error) {
				for i := range records {
					apart(&records[i])
				}
				return d.MemoryStore.Append(ctx, records)
			}
		}},
		{"batches fall apart when read", "entries", func(d *double) { rewriting(d, apart) }},
		{"batches fall apart when read", "durable", func(d *double) { rewriting(d, apart) }},
	}
}

// replaced is a store with another retention than it was asked for.
func replaced(d *double, retention core.Retention) { *d = *newDouble(retention) }

// brokenRetention are stores that keep what they must not.
func brokenRetention() []breakage {
	unlimited := func(d *double) { replaced(d, unbounded()) }
	return []breakage{
		{"keys of all audiences", "snapshot of audiences", func(d *double) {
			paging(d, func(q core.Query, page *core.Page) {
				if !q.Snapshot {
					return
				}
				type name struct{ channel, key string }
				newest := make(map[name]uint64)
				for _, e := range page.Entries {
					newest[name{e.Channel, e.Key}] = e.Position.Seq
				}
				page.Entries = slices.DeleteFunc(page.Entries, func(e *core.Entry) bool {
					return newest[name{e.Channel, e.Key}] != e.Position.Seq
				})
			})
		}},
		{"only what is for everybody", "snapshot of audiences", func(d *double) {
			paging(d, func(q core.Query, page *core.Page) {
				page.Entries = slices.DeleteFunc(page.Entries, func(e *core.Entry) bool { return q.Snapshot && !e.To.Everybody() })
			})
		}},
		{"patterns are ignored", "patterns", func(d *double) { replaced(d, core.Retention{Events: 5, Bytes: -1}) }},
		{"the last pattern that matches", "patterns", func(d *double) {
			replaced(d, core.Retention{Events: 5, Bytes: -1, Channels: []core.ChannelRetention{
				{Pattern: "*ny", Events: -1, Bytes: -1},
				{Pattern: "few/many", Events: 9, Bytes: -1},
				{Pattern: "few/*", Events: 2, Bytes: -1},
			}})
		}},
		{"a pattern matches what begins like it", "patterns", func(d *double) {
			replaced(d, core.Retention{Events: 5, Bytes: -1, Channels: []core.ChannelRetention{
				{Pattern: "few*", Events: 2, Bytes: -1},
				{Pattern: "few/*", Events: 2, Bytes: -1},
				{Pattern: "*ny", Events: -1, Bytes: -1},
			}})
		}},
		{"idle channels are kept", "idle", unlimited},
		{"all idle channels are forgotten", "idle", func(d *double) {
			replaced(d, core.Retention{Events: -1, Bytes: -1, Idle: everything(0).Age})
		}},
		{"total bytes are not bounded", "total bytes", unlimited},
		{"each channel has its share", "total bytes", func(d *double) {
			replaced(d, core.Retention{Events: -1, Bytes: 8000})
		}},
		{"nothing is told", "notices", func(d *double) {
			d.attach = func(sink core.Sink) (core.Position, error) { return d.MemoryStore.Attach(deaf{sink}) }
		}},
		{"too much is told", "notices", func(d *double) {
			d.attach = func(sink core.Sink) (core.Position, error) { return d.MemoryStore.Attach(eager{sink}) }
		}},
		{"one sink is told", "notices", func(d *double) {
			first := true
			d.attach = func(sink core.Sink) (core.Position, error) {
				if !first {
					sink = deaf{sink}
				}
				first = false
				return d.MemoryStore.Attach(sink)
			}
		}},
	}
}

// deaf is a sink that is not told what is trimmed.
type deaf struct{ core.Sink }

func (deaf) Trimmed(string, uint64) {}

// eager is a sink that is told of one more.
type eager struct{ core.Sink }

func (e eager) Trimmed(channel string, seq uint64) { e.Sink.Trimmed(channel, seq+1) }
