package natsstore

// maxRubbish bounds the messages of once keys that are remembered to be removed.
const maxRubbish = 100_000

// rubbish is what is to be removed from the streams.
type rubbish struct {
	dirty   map[string]*dirt // by channel
	onces   []onceRubbish
	older   int      // how many of onces another store has seen, too, when it removed rubbish last
	unmarks []string // channels whose marks are not needed any more
}

// dirt is what is to be removed of a channel.
type dirt struct {
	events int
	gone   uint64 // sequence number of the newest event that is to be removed
	seq    uint64 // in the stream
	once   uint64 // sequence number of the newest of them in onces
}

// onceRubbish is a message with a once key that is not known any more, of an event
// that is not kept any more.
type onceRubbish struct {
	onceKey

	position, seq uint64
}

// discard notes that an event is not kept any more.
func (x *index) discard(name string, i *item) {
	if i.once == "" {
		d := x.dirtOf(name)
		d.events++
		d.gone, d.seq = max(d.gone, i.Seq()), max(d.seq, i.seq)
		return
	}
	if k := (onceKey{name, i.once}); x.once.known[k].seq != i.seq {
		x.discardOnce(onceRubbish{k, i.Seq(), i.seq})
	}
}

func (x *index) dirtOf(name string) *dirt {
	d := x.dirty[name]
	if d == nil {
		d = new(dirt)
		x.dirty[name] = d
	}
	return d
}

// onceDropped notes that a key is not known any more.
func (x *index) onceDropped(k onceKey, e onceEntry) {
	gone := x.goneFrom(k.channel)
	if c := x.channels[k.channel]; c != nil {
		gone = c.gone
	}
	if e.position.Seq <= gone {
		x.discardOnce(onceRubbish{k, e.position.Seq, e.seq})
	}
}

func (x *index) discardOnce(r onceRubbish) {
	if len(x.onces) >= maxRubbish {
		x.onces, x.older = x.onces[maxRubbish/2:], 0
	}
	x.onces = append(x.onces, r)
	d := x.dirtOf(r.channel)
	d.once = max(d.once, r.position)
}

// clean notes that a channel's events up to a sequence number are being removed by
// the store that has written the mark.
func (x *index) clean(name string, gone uint64) {
	if d := x.dirty[name]; d != nil && d.gone <= gone && d.once <= gone {
		delete(x.dirty, name)
	}
}

// unmark notes that the mark of a channel is not needed any more.
func (x *index) unmark(name string) {
	if len(x.unmarks) < maxRubbish {
		x.unmarks = append(x.unmarks, name)
	}
}

// claimed notes that another store removes rubbish.
func (x *index) claimed() {
	x.onces = x.onces[min(x.older, len(x.onces)):]
	x.older = len(x.onces)
	x.unmarks = nil
}
