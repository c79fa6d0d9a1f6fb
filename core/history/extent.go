package history

import "time"

// Extent is what a store keeps of a channel.
type Extent struct {
	// Events and Bytes are how many entries there are, and their size.
	Events, Bytes int64
	// Oldest and Newest are when the first and the last entry were appended.
	Oldest, Newest time.Time
}

// Forgets reports whether the channel had no new entry for so long that it is
// to be forgotten as a whole. Here and below, a bound of 0 is none: see
// [Retention.WithDefaults].
func (k ChannelRetention) Forgets(x Extent, now time.Time) bool {
	return x.Events > 0 && k.Idle > 0 && now.Sub(x.Newest) >= k.Idle
}

// Keeps reports whether an entry that was appended at a time is young enough.
func (k ChannelRetention) Keeps(x Extent, at, now time.Time) bool {
	return (k.Age <= 0 || now.Sub(at) < k.Age) && !k.Forgets(x, now)
}

// Trims reports whether the oldest entry is over a bound. The newest entry is
// never too large.
func (k ChannelRetention) Trims(x Extent, now time.Time) bool {
	return x.Events > 0 && (k.Events > 0 && x.Events > int64(k.Events) ||
		k.Bytes > 0 && x.Bytes > int64(k.Bytes) && x.Events > 1 ||
		!k.Keeps(x, x.Oldest, now))
}

// Expires returns when the next entry of the channel gets too old, or the zero
// time if none does.
func (k ChannelRetention) Expires(x Extent) (at time.Time) {
	if x.Events == 0 {
		return at
	}
	if k.Age > 0 {
		at = x.Oldest.Add(k.Age)
	}
	if k.Idle > 0 {
		if idle := x.Newest.Add(k.Idle); at.IsZero() || idle.Before(at) {
			at = idle
		}
	}
	return at
}

// Recheck returns when a store that looks at all its channels at once needs to
// look at this one again, or the zero time. It is Expires, but not sooner than
// after a hundredth of the span: entries are removed that much too late.
func (k ChannelRetention) Recheck(x Extent, now time.Time) (at time.Time) {
	if at = k.Expires(x); at.IsZero() {
		return at
	}
	span := k.Idle
	if k.Age > 0 && (span <= 0 || k.Age < span) {
		span = k.Age
	}
	if soonest := now.Add(span / 100); at.Before(soonest) {
		return soonest
	}
	return at
}
