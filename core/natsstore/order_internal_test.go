package natsstore

import (
	"encoding/json"
	"testing"

	"github.com/tidings-go/tidings/core/history"
)

// Epochs begin again and again: positions only grow, those of the newest epochs
// stay known, and what is kept of the epochs is bounded.
func TestEpochsBegin(t *testing.T) {
	t.Parallel()
	o := new(order)
	o.begin(firstEpoch("server 0", 0, true), 1)
	if first := o.at(2); first.Seq != 1 {
		t.Fatalf("first position: got %v, want number 1", first)
	}
	seq := uint64(1)
	var before []history.Position
	for range 3 * maxSegments {
		for range 5 {
			seq++
			at := o.at(seq)
			if len(before) > 0 && at.Seq <= before[len(before)-1].Seq {
				t.Fatalf("position %v after %v", at, before[len(before)-1])
			}
			before = append(before, at)
			o.head = at.Seq
		}
		m := o.nextEpoch("server", o.head)
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if m, err = parseEpoch(data); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		seq++
		o.begin(m, seq)
	}
	for i, at := range before {
		if known := i >= len(before)-5*(maxSegments-1); o.epochs.Knows(at) != known {
			t.Errorf("position %d of %d, %v: got known %t, want %t", i, len(before), at, !known, known)
		}
	}
	if o.epochs.Knows(history.Position{Epoch: o.last().ID, Seq: o.last().Base + 1}) {
		t.Errorf("a number that is skipped is known")
	}
}

// Whatever is in a message, it is an event or an error.
func FuzzMessage(f *testing.F) {
	f.Add(appendMessage(nil, message{callID{1, 2}, 0, 1, history.Record{
		Channel: "a", ID: "id", Key: "k", To: history.ToGroup("g"), Once: "o", Trace: "t", Body: []byte("data: x\n"), Following: 3,
	}}))
	f.Add([]byte{wireVersion})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseMessage(data)
		if err != nil {
			return
		}
		again, err := parseMessage(appendMessage(nil, m))
		if err != nil || again.call != m.call || again.record.Channel != m.record.Channel || string(again.record.Body) != string(m.record.Body) {
			t.Fatalf("%q: got %+v, then %+v, error %v", data, m, again, err)
		}
	})
}
