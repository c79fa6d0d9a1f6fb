package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/history"
)

// Append implements [history.Store]. Calls at the same time share a call of Redis.
// While Redis is away, Append returns an error that wraps
// [history.ErrUnavailable], or waits: see the Buffer of [Config]. After such an
// error, it is unknown whether records were stored that Append was working on.
func (s *Store) Append(ctx context.Context, records []history.Record) ([]*history.Entry, error) {
	return s.appender.Append(ctx, records)
}

// send stores a batch, and delivers it.
func (s *Store) send(records []history.Record, batch int64) ([]*history.Entry, error) {
	keys, args := s.appending(records, batch)
	a, err := s.store(keys, args)
	for try := 0; errors.Is(err, errStale) && try < 4; try++ {
		if _, err = s.catchUp(true); err == nil {
			a, err = s.store(keys, args)
		}
	}
	if err != nil {
		return nil, err
	}
	return s.place(records, a, linkOf(s.writer, batch))
}

// appending returns what the script is called with, but for the first two
// arguments.
func (s *Store) appending(records []history.Record, batch int64) (keys []string, args []any) {
	numbers := make(map[string]int, 8)
	var names []string
	for _, r := range records {
		if numbers[r.Channel] == 0 {
			names = append(names, r.Channel)
			numbers[r.Channel] = len(names)
		}
	}
	keys = s.keys.common(4+4*len(names), s.keys.tombs, s.keys.writers, s.keys.once, s.keys.marks)
	keys = s.channelKeys(keys, names, indexKind, idsKind, subjectsKind, onceKind)
	args = append(make([]any, 2, 8+5*len(names)+7*len(records)),
		s.writer, batch, s.cfg.Retention.OnceWindow.Microseconds(), s.cfg.TailEvents, s.cfg.TailBytes)
	args = s.bounds(args, names)
	for _, r := range records {
		weight := history.OnceWeight(len(r.Channel) + len(r.Once) + len(r.ID))
		args = append(args, numbers[r.Channel], r.ID, subject(r), r.Once, r.MaxSize(), weight, encode(r))
	}
	return keys, args
}

// subject returns what identifies the audience and the key of a record on its
// channel, or "" without a key.
func subject(r history.Record) string {
	if r.Key == "" {
		return ""
	}
	return r.To.String() + "\x00" + r.Key
}

// errReplicas means that an event was stored, but may not survive a failover.
var errReplicas = errors.New("too few replicas have the event")

// store calls the script, and waits for replicas if the configuration says so: on
// the same connection, because that is what WAIT is about.
func (s *Store) store(keys []string, args []any) (*answer, error) {
	seen := s.feed.Newest().Seq
	args[0], args[1] = decimal(seen), s.chain.at(seen)
	if s.cfg.Replicas == 0 {
		return s.call(s.life, s.scripts.append, keys, args...)
	}
	ctx, cancel := s.within(s.life)
	defer cancel()
	master, err := s.master(ctx)
	if err != nil {
		return nil, err
	}
	var script *redis.Cmd
	var wait *redis.Cmd
	for range 2 {
		_, err = master.Pipelined(ctx, func(p redis.Pipeliner) error {
			script = s.scripts.append.EvalSha(ctx, p, keys, args...)
			wait = p.Do(ctx, "wait", s.cfg.Replicas, (s.cfg.Timeout / 2).Milliseconds())
			return nil
		})
		if !redis.HasErrorPrefix(script.Err(), "NOSCRIPT") {
			break
		}
		if err = s.scripts.append.Load(ctx, master).Err(); err != nil {
			return nil, err
		}
	}
	if s.moved(ctx, err) != nil {
		return nil, err
	}
	a, err := newAnswer(script.Slice())
	if n, _ := wait.Int(); err == nil && n < s.cfg.Replicas {
		err = fmt.Errorf("%w: %d of %d", errReplicas, n, s.cfg.Replicas)
	}
	return a, err
}

// repeat is an event that was published before with the same once key.
type repeat struct {
	seq uint64
	at  time.Time
	id  string
}

// place makes the entries of a batch, and delivers those that are new.
func (s *Store) place(records []history.Record, a *answer, link string) (all []*history.Entry, err error) {
	epoch, seq, at, before := a.number(), a.number(), moment(a.number()), a.text()
	base := seq
	s.noteSize(a.number(), a.number())
	repeats := make(map[uint64]repeat)
	for a.more() {
		repeats[a.number()] = repeat{a.number(), moment(a.number()), a.text()}
	}
	if a.err != nil {
		return nil, a.err
	}
	epochs, err := s.epochsWith(epoch, len(repeats) > 0)
	if err != nil {
		return nil, err
	}
	all, fresh := make([]*history.Entry, len(records)), make([]*history.Entry, 0, len(records))
	for i, r := range records {
		if first, ok := repeats[uint64(i)]; ok {
			r.ID = first.id
			all[i] = r.At(epochs.At(first.seq), first.at)
			continue
		}
		seq++
		all[i] = r.At(history.Position{Epoch: epoch, Seq: seq}, at)
		fresh = append(fresh, all[i])
	}
	if len(fresh) == 0 {
		return all, nil
	}
	if known := s.chain.at(base); known != "" && known != before {
		s.feed.Wake()
		return all, nil
	}
	s.chain.add(seq, link)
	s.feed.DeliverOwn(epoch, fresh)
	return all, nil
}

// epochsWith returns epochs that tell the position of repeats, if there are any.
func (s *Store) epochsWith(epoch uint64, repeats bool) (history.Epochs, error) {
	if !repeats {
		return nil, nil
	}
	if epochs := s.feed.Epochs(); epochs.Newest(0).Epoch == epoch {
		return epochs, nil
	}
	l, _, err := s.readTail(s.life, 0, 0)
	return l.Epochs, err
}
