package boltstore

import "github.com/tidings-go/tidings/core/history"

// state is the stored state of the file as a whole.
type state struct {
	head     uint64 // the newest entry
	forgot   uint64 // the newest entry of the channels whose tombs were dropped
	channels uint64 // the number of the newest channel
	once     uint64 // weight of all once keys
	unclean  uint64 // 1 while the file is open with SyncInterval, which may lose delivered events
	clock    clock
}

// numbers returns the numbers that the file has of the state.
func (s *state) numbers() []*uint64 {
	return s.clock.numbers(append(make([]*uint64, 0, 16), &s.head, &s.forgot, &s.channels, &s.once, &s.unclean))
}

func (s *state) encode() []byte { return encode(s.numbers()...) }

func decodeState(b []byte) (s state, err error) {
	if err = decode(b, s.numbers()...); err != nil {
		err = damage("state: %v", err)
	}
	return s, err
}

// forgotten returns the newest entry that a channel can have had which is not in
// the file. A private channel never comes back.
func (s *state) forgotten(name string, tomb []byte) (gone uint64, err error) {
	switch {
	case tomb != nil:
		if err = decode(tomb, &gone); err != nil {
			err = damage("tomb of channel %q: %v", name, err)
		}
	case !history.IsPrivate(name):
		gone = s.forgot
	}
	return gone, err
}

func encodeEpochs(epochs history.Epochs) (b []byte) {
	for _, e := range epochs {
		b = append(b, key(e.ID, e.Base)...)
	}
	return b
}

func decodeEpochs(b []byte) (epochs history.Epochs, err error) {
	for len(b) > 0 || epochs == nil {
		n, e := min(16, len(b)), history.Epoch{}
		if err := decode(b[:n], &e.ID, &e.Base); err != nil {
			return nil, damage("epochs: %v", err)
		}
		epochs, b = append(epochs, e), b[n:]
	}
	return epochs, nil
}

// channel is the state of a channel.
type channel struct {
	number uint64
	count  uint64 // of entries
	bytes  uint64 // of the entries and their indexes, approximately
	gone   uint64 // the newest entry that was removed, or 0

	oldest, newest     uint64 // of the entries; valid if there are any
	oldestAt, newestAt uint64 // their times, in nanoseconds since 1970

	reported uint64 // the value of gone that the sinks know; not in the file
}

// channelCost is the approximate size in the file of a channel with this name,
// beside its entries, in bytes.
func channelCost(name string) uint64 { return uint64(192 + len(name)) }

// numbers returns the numbers that the file has of the channel.
func (c *channel) numbers() []*uint64 {
	return []*uint64{&c.number, &c.count, &c.bytes, &c.gone, &c.oldest, &c.newest, &c.oldestAt, &c.newestAt}
}

func (c *channel) encode() []byte { return encode(c.numbers()...) }

func decodeChannel(name, b []byte) (*channel, error) {
	c := new(channel)
	if err := decode(b, c.numbers()...); err != nil {
		return nil, damage("channel %q: %v", name, err)
	}
	c.reported = c.gone
	return c, nil
}

// extent returns what is kept of the channel.
func (c *channel) extent() history.Extent {
	return history.Extent{
		Events: int64(c.count), Bytes: int64(c.bytes), //nolint:gosec // A file is not that large.
		Oldest: moment(c.oldestAt), Newest: moment(c.newestAt),
	}
}
