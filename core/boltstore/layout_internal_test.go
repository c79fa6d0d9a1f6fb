package boltstore

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/history"
)

// FuzzEntry checks that decoding does not panic, and that a record is decoded as
// it was encoded.
func FuzzEntry(f *testing.F) {
	at := time.Unix(1_700_000_000, 123_456_789)
	for _, r := range []core.Record{
		{Body: []byte("data: x\n")},
		{ID: "id", Key: "key", To: core.ToGroup("g"), Following: 511, Body: []byte("event: e\ndata\n")},
	} {
		f.Add(r.ID, r.Key, r.To.String(), r.Following, r.Body, encodeEntry(key(1, 2), &r, at))
	}
	f.Fuzz(func(t *testing.T, id, name, to string, following int, body, value []byte) {
		if _, _, err := decodeEntry(key(1, 2), value); err == nil && len(value) < entryHead+4 {
			t.Errorf("decoding %q: got no error, want one", value)
		}
		_, _, _ = decodeHead(value)
		_, _ = decodeBatches(value)
		_, _ = decodeOnce(value)
		_, _ = decodeChannel(nil, value)
		_, _ = decodeState(value)
		_, _ = decodeEpochs(value)
		audience, err := core.ParseAudience(to)
		if err != nil || following < 0 || following > 1<<31-1 {
			return
		}
		r := core.Record{Channel: "c", Once: "o", ID: id, Key: name, To: audience, Following: following, Body: body}
		batches, err := decodeBatches((&batch{[]core.Record{r}, at}).encode(nil))
		if err != nil || len(batches) != 1 || len(batches[0].records) != 1 || !batches[0].at.Equal(at) {
			t.Fatalf("batch: got %+v, %v, want the record", batches, err)
		}
		wantRecord(t, batches[0].records[0], r)
		r.Channel, r.Once = "", ""
		fuzzEntry(t, r, at)
	})
}

// wantRecord compares a record with the one that was encoded.
func wantRecord(t *testing.T, got, want core.Record) {
	t.Helper()
	if !bytes.Equal(got.Body, want.Body) {
		t.Errorf("got body %q, want %q", got.Body, want.Body)
	}
	none := make([]byte, history.HeadRoom) // of the buffer, too
	if got, want = got.In(none), want.In(none); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// fuzzEntry encodes a record, and decodes it: whole, with another key, and with
// each byte changed.
func fuzzEntry(t *testing.T, r core.Record, at time.Time) {
	t.Helper()
	encoded := encodeEntry(key(1, 2), &r, at)
	got, then, err := decodeEntry(key(1, 2), encoded)
	if err != nil || !then.Equal(at) {
		t.Errorf("got %v, error %v, want %v", then, err, at)
	}
	wantRecord(t, got, r)
	if _, _, err = decodeEntry(key(1, 3), encoded); err == nil {
		t.Error("decoding with another key: got no error, want one")
	}
	for i := range min(100, len(encoded)) {
		encoded[i] ^= 0x10
		if _, _, err = decodeEntry(key(1, 2), encoded); err == nil {
			t.Errorf("decoding with byte %d changed: got no error, want one", i)
		}
		encoded[i] ^= 0x10
	}
}

// The keys of events have any length, while bbolt limits the length of keys.
func TestSnapshotKeys(t *testing.T) {
	t.Parallel()
	long := string(bytes.Repeat([]byte("x"), 100_000))
	seen := make(map[string]string)
	for _, test := range []struct{ to, name string }{
		{"", "a"},
		{"a", ""},
		{"group:a", "b"},
		{"group:ab", ""},
		{"group:", "ab"},
		{"", long},
		{"", long + "x"},
		{"group:a", long},
		{"group:" + long, ""},
	} {
		k := string(subjectKey(7, test.to, test.name))
		if len(k) > 1000 {
			t.Errorf("got a key of %d bytes, want less", len(k))
		}
		if other, ok := seen[k]; ok {
			t.Errorf("got the same key for %.20q and %.20q", test.to+" "+test.name, other)
		}
		seen[k] = test.to + " " + test.name
	}
}
