package boltstore

import (
	"bytes"
	"testing"
	"time"

	"github.com/tidings-go/tidings/core"
)

// FuzzEntry decodes any value without a panic, and any record as it was.
func FuzzEntry(f *testing.F) {
	at := time.Unix(1_700_000_000, 123_456_789)
	for _, r := range []core.Record{
		{Body: []byte("data: x\n")},
		{ID: "id", Key: "key", To: core.ToGroup("g"), Following: 511, Body: []byte("event: e\ndata\n")},
	} {
		f.Add(r.ID, r.Key, r.To.String(), r.Following, r.Body, encodeEntry(pair(1, 2), &r, at))
	}
	f.Fuzz(func(t *testing.T, id, key, to string, following int, body, value []byte) {
		if _, _, err := decodeEntry(pair(1, 2), value); err == nil && len(value) < entryHead+4 {
			t.Errorf("decoding %q: got no error, want one", value)
		}
		_, _, _, _ = decodeHead(value)
		_, _ = decodeBatches(value)
		_, _ = decodeOnce(value)
		_, _ = decodeChannel(value)
		_, _ = decodeState(value)
		_, _ = decodeEpochs(value)
		audience, err := core.ParseAudience(to)
		if err != nil || following < 0 || following > 1<<31-1 {
			return
		}
		r := core.Record{ID: id, Key: key, To: audience, Following: following, Body: body}
		encoded := encodeEntry(pair(1, 2), &r, at)
		got, then, err := decodeEntry(pair(1, 2), encoded)
		if err != nil || !then.Equal(at) || got.ID != id || got.Key != key || got.To != audience ||
			got.Following != following || !bytes.Equal(got.Body, body) {
			t.Errorf("got %+v at %v, %v, want %+v at %v", got, then, err, r, at)
		}
		if _, _, err = decodeEntry(pair(1, 3), encoded); err == nil {
			t.Error("decoding in another's place: got no error, want one")
		}
		for i := range encoded {
			encoded[i] ^= 0x10
			if _, _, err = decodeEntry(pair(1, 2), encoded); err == nil {
				t.Errorf("decoding with byte %d changed: got no error, want one", i)
			}
			encoded[i] ^= 0x10
			if i > 100 {
				break
			}
		}
		batches := []batch{{[]core.Record{{Channel: "c", Once: "o", ID: id, Key: key, To: audience, Following: following, Body: body}}, at}}
		again, err := decodeBatches(batches[0].encode(nil))
		if err != nil || len(again) != 1 || len(again[0].records) != 1 || again[0].records[0].Once != "o" ||
			again[0].records[0].Channel != "c" || !bytes.Equal(again[0].records[0].Body, body) || !again[0].at.Equal(at) {
			t.Errorf("batch: got %+v, %v, want it back", again, err)
		}
	})
}

// Keys of events may be of any length, bbolt's may not.
func TestSnapshotKeys(t *testing.T) {
	t.Parallel()
	long := string(bytes.Repeat([]byte("x"), 100_000))
	seen := make(map[string]string)
	for _, test := range []struct{ to, key string }{
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
		key := string(snapshotKey(7, test.to, test.key))
		if len(key) > 1000 {
			t.Errorf("got a key of %d bytes, want less", len(key))
		}
		if other, ok := seen[key]; ok {
			t.Errorf("got the same key for %.20q and %.20q", test.to+" "+test.key, other)
		}
		seen[key] = test.to + " " + test.key
	}
}
