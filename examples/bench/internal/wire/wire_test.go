//go:build linux

package wire_test

import (
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/bench/internal/wire"
)

func TestDataRoundTrip(t *testing.T) {
	t.Parallel()
	at := wire.Now()
	data := wire.AppendData(nil, wire.Data, 42, at)
	if len(data) != wire.Data || strings.ContainsAny(string(data), "\r\n") {
		t.Errorf("got %q, want one line of %d bytes", data, wire.Data)
	}
	seq, got, ok := wire.Parse([]byte("data: " + string(data) + "\nid: 7"))
	if !ok || seq != 42 || got != at {
		t.Errorf("got %d, %d, %t, want 42, %d, true", seq, got, ok, at)
	}
	if n := len(wire.AppendData(nil, 0, 1, 1)); n != wire.MinData {
		t.Errorf("got %d bytes, want %d", n, wire.MinData)
	}
	for _, other := range []string{"", ": heartbeat", "data: a@b", "data: " + string(data[:len(data)-10])} {
		if _, _, ok := wire.Parse([]byte(other)); ok {
			t.Errorf("got a mark in %q, want none", other)
		}
	}
}
