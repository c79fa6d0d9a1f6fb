package redisstore

import (
	"context"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

const (
	maintainChannels = 64     // in one call
	maintainEntries  = 128    // in one call
	maxTombs         = 65_536 // channels without events whose newest position is kept
)

// noteSize notes how full the storage is: the bytes of all that is there, and the
// weight of all once keys.
func (s *Store) noteSize(bytes, once uint64) {
	r := s.cfg.Retention
	over := r.TotalBytes > 0 && bytes > uint64(r.TotalBytes)+2*uint64(s.cfg.TailBytes) //nolint:gosec // They are not negative.
	if over || float64(once) > 1.25*float64(r.OnceKeys) {
		select {
		case s.full <- struct{}{}:
		default:
		}
	}
}

// maintain removes what the retention does not keep: every Maintain, and soon when
// there is much of it.
func (s *Store) maintain() {
	timer := time.NewTimer(s.cfg.Maintain)
	defer timer.Stop()
	for soon := false; ; {
		select {
		case <-s.life.Done():
			return
		case <-s.full:
			soon = true
		case <-timer.C:
		}
		every, next := s.cfg.Maintain*3/4, s.cfg.Maintain
		if soon {
			every = min(every, 500*time.Millisecond)
		}
		if claimed := s.maintainOnce(s.life, every); claimed {
			soon = false
		} else if soon {
			next = every // too soon after the last round
		}
		timer.Reset(next)
	}
}

// maintainOnce does a round, unless one began within every. What fails is tried
// again in the next round.
func (s *Store) maintainOnce(ctx context.Context, every time.Duration) (claimed bool) {
	ctx, cancel := context.WithTimeout(ctx, 12*s.cfg.Timeout)
	defer cancel()
	if claimed, err := s.claim(ctx, every); err != nil || !claimed {
		return false
	}
	if err := s.reclaim(ctx); err == nil {
		_ = s.expire(ctx)
	}
	return true
}

// reclaim removes events.
func (s *Store) reclaim(ctx context.Context) error {
	total, err := s.trimAll(ctx)
	if most := uint64(s.cfg.Retention.TotalBytes); err == nil && most > 0 && total > most { //nolint:gosec // It is not negative.
		if err = s.bound(ctx, total-most); err == nil {
			_, err = s.trimAll(ctx)
		}
	}
	return err
}

// claim reports whether it is time for a round, to one of those who ask, and
// bounds the tombs and the writers.
func (s *Store) claim(ctx context.Context, every time.Duration) (bool, error) {
	for cursor := "0"; ; every = 0 {
		a, err := s.call(ctx, s.scripts.claim, s.keys.common(0, s.keys.tombs, s.keys.writers), every.Microseconds(), s.cfg.tombs, cursor)
		if err != nil {
			return false, err
		}
		claimed := a.number() != 0
		cursor = a.text()
		if more := a.number() != 0; a.err != nil || !claimed || cursor == "0" && !more {
			return claimed, a.err
		}
	}
}

// trimAll removes of all channels what is not kept, and returns the size of the
// rest.
func (s *Store) trimAll(ctx context.Context) (total uint64, err error) {
	seen, seed := make(map[uint64]struct{}), maphash.MakeSeed()
	for cursor := uint64(0); ; {
		names, next, err := s.names(ctx, cursor)
		if err != nil {
			return 0, err
		}
		fresh := names[:0]
		for _, name := range names { // a scan may return one twice
			h := maphash.String(seed, name)
			if _, ok := seen[h]; !ok {
				seen[h] = struct{}{}
				fresh = append(fresh, name)
			}
		}
		for len(fresh) > 0 {
			n := min(len(fresh), maintainChannels)
			size, err := s.trim(ctx, fresh[:n])
			if err != nil {
				return 0, err
			}
			total += size
			fresh = fresh[n:]
		}
		if cursor = next; cursor == 0 {
			return total, nil
		}
	}
}

// names returns some of the channels.
func (s *Store) names(ctx context.Context, cursor uint64) (names []string, next uint64, err error) {
	ctx, cancel := s.within(ctx)
	defer cancel()
	master, err := s.master(ctx)
	if err != nil {
		return nil, 0, err
	}
	pairs, next, err := master.HScan(ctx, s.keys.channels, cursor, "", maintainChannels).Result()
	for i := 0; i+1 < len(pairs); i += 2 {
		names = append(names, pairs[i])
	}
	return names, next, err
}

// trim removes of channels what is not kept, and returns the size of the rest.
func (s *Store) trim(ctx context.Context, names []string) (size uint64, err error) {
	for more := true; more; {
		keys := s.channelKeys(s.keys.common(1+3*len(names), s.keys.tombs), names, indexKind, idsKind, subjectsKind)
		a, err := s.call(ctx, s.scripts.trim, keys, s.bounds(nil, names)...)
		if err != nil {
			return 0, err
		}
		if size, more = a.number(), a.number() != 0; a.err != nil {
			return 0, a.err
		}
	}
	return size, nil
}

// bound drops the oldest entries, whatever their channel, until so many bytes less
// are kept.
func (s *Store) bound(ctx context.Context, excess uint64) error {
	for after := uint64(0); ; {
		a, err := s.call(ctx, s.scripts.oldest, s.keys.common(0), decimal(after), maintainEntries)
		if err != nil {
			return err
		}
		epoch, head := a.text(), a.number()
		all, names := elements(a)
		if a.err != nil || len(all) == 0 {
			return a.err
		}
		oldest, err := s.oldestOf(ctx, names)
		if err != nil {
			return err
		}
		for _, e := range all {
			if excess == 0 || e.seq >= head {
				break
			}
			if from := oldest[e.channel]; from > 0 && e.seq >= from {
				excess -= min(excess, e.size)
			}
			after = e.seq
		}
		_, err = s.call(ctx, s.scripts.bound, s.keys.common(0), epoch, decimal(after))
		if err != nil || excess == 0 || all[len(all)-1].seq >= head {
			return err
		}
	}
}

// oldestOf returns the sequence numbers of the oldest entries that are kept of
// channels, or 0.
func (s *Store) oldestOf(ctx context.Context, names []string) (map[string]uint64, error) {
	v, _, _, err := s.page(ctx, history.Query{Channels: names}, 0, 0)
	if err == nil && len(v.Channels) != len(names) {
		err = errAnswer
	}
	oldest := make(map[string]uint64, len(names))
	for i := 0; err == nil && i < len(names); i++ {
		oldest[names[i]] = v.Channels[i].Oldest
	}
	return oldest, err
}

// element is an entry without its contents.
type element struct {
	seq, size uint64
	channel   string
}

// elements reads elements, and the names of their channels.
func elements(a *answer) (all []element, names []string) {
	seen := make(map[string]bool)
	for a.more() {
		e := element{seq: a.number(), channel: a.text(), size: a.number()}
		all = append(all, e)
		if !seen[e.channel] {
			seen[e.channel] = true
			names = append(names, e.channel)
		}
	}
	return all, names
}

// expire removes once keys that are too old or too many.
func (s *Store) expire(ctx context.Context) error {
	for {
		names, n, err := s.oldestOnce(ctx)
		if err != nil {
			return err
		}
		keys := s.channelKeys(s.keys.common(1+len(names), s.keys.once), names, onceKind)
		args := []any{s.cfg.Retention.OnceWindow.Microseconds(), s.cfg.Retention.OnceKeys, n}
		for _, name := range names {
			args = append(args, name)
		}
		a, err := s.call(ctx, s.scripts.expire, keys, args...)
		if err != nil {
			return err
		}
		if gone := a.number(); a.err != nil || gone < maintainEntries {
			return a.err
		}
	}
}

// oldestOnce returns the channels of the oldest once keys, and how many there are.
func (s *Store) oldestOnce(ctx context.Context) (names []string, n int, err error) {
	ctx, cancel := s.within(ctx)
	defer cancel()
	master, err := s.master(ctx)
	if err != nil {
		return nil, 0, err
	}
	list, err := master.LRange(ctx, s.keys.once, 0, maintainEntries-1).Result()
	seen := make(map[string]bool)
	for _, one := range list { // time, weight, position, length of the name, name, key
		parts := strings.SplitN(one, " ", 5)
		if len(parts) < 5 {
			return nil, 0, errAnswer
		}
		length, failure := strconv.Atoi(parts[3])
		if failure != nil || length < 0 || length > len(parts[4]) {
			return nil, 0, errAnswer
		}
		if name := parts[4][:length]; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names, len(list), err
}
