package history_test

import (
	"strings"
	"testing"

	"github.com/tidings-go/tidings/core/history"
)

const maxUint64 = 1<<64 - 1

func TestPositionString(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		position history.Position
		want     string
	}{
		{history.Position{Epoch: 1}, "1-0"},
		{history.Position{Epoch: 35, Seq: 9}, "z-9"},
		{history.Position{Epoch: 36, Seq: 10}, "10-10"},
		{history.Position{Epoch: maxUint64, Seq: maxUint64}, "3w5e11264sgsf-18446744073709551615"},
	} {
		if got := test.position.String(); got != test.want {
			t.Errorf("%#v: got %q, want %q", test.position, got, test.want)
		}
		if got, ok := history.ParsePosition(test.want); !ok || got != test.position {
			t.Errorf("ParsePosition(%q): got %#v, %t, want %#v", test.want, got, ok, test.position)
		}
	}
}

func TestParsePositionRefuses(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"", "-", "1", "1-", "-1", "0-1", "00-1", "01-1", "1-01", "1-00", "A-1", "aB-1", "1--1", "1-1-1", "1-+1", "+1-1",
		"1-1 ", " 1-1", "1 -1", "1-1\n", "1-1\x00", "1_0-1", "1-1_0", "1-0x1", "1-a", "é-1", "1-١", "1-\xff", "1\u20111",
		"3w5e11264sgsg-1", "1-18446744073709551616", strings.Repeat("1", 40) + "-1", "1-" + strings.Repeat("1", 40),
	} {
		if got, ok := history.ParsePosition(id); ok || got != (history.Position{}) {
			t.Errorf("ParsePosition(%q): got %v, %t, want none", id, got, ok)
		}
	}
}

// FuzzParsePosition: what parses is exactly what String writes.
func FuzzParsePosition(f *testing.F) {
	for _, id := range []string{"1-0", "z-18446744073709551615", "2k8x1m9q-17", "A-1", "1-01", "0-0", "-", "1_0-1"} {
		f.Add(id, uint64(len(id)), uint64(1))
	}
	f.Fuzz(func(t *testing.T, id string, epoch, seq uint64) {
		if p, ok := history.ParsePosition(id); ok && (p.String() != id || p.Epoch == 0) {
			t.Errorf("ParsePosition(%q): got %#v, which is %q", id, p, p.String())
		}
		p := history.Position{Epoch: epoch, Seq: seq}
		if got, ok := history.ParsePosition(p.String()); ok != (epoch != 0) || ok && got != p {
			t.Errorf("ParsePosition(%q): got %#v, %t, want %#v", p.String(), got, ok, p)
		}
	})
}

func TestNewEpoch(t *testing.T) {
	t.Parallel()
	seen := make(map[uint64]bool)
	for range 1000 {
		epoch := history.NewEpoch()
		if epoch == 0 || seen[epoch] {
			t.Fatalf("got epoch %d again, or 0, after %d others", epoch, len(seen))
		}
		seen[epoch] = true
		if id := (history.Position{Epoch: epoch, Seq: maxUint64}).String(); len(id) > 8+1+20 {
			t.Errorf("got position %q of %d bytes, want at most 29", id, len(id))
		}
	}
}
