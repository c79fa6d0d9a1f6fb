//go:build linux

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/report"
)

// TestNginx measures a contender directly and behind nginx.
func TestNginx(t *testing.T) { //nolint:paralleltest // It pins this process to a core.
	file := filepath.Join(t.TempDir(), "results.json")
	err := run([]string{
		"-quick", "-clients", "20", "-nginx", "-only", contender.Tidings, "-scenario", "idle,crowd,leave", "-json", file,
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got report.Run
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, part := range got.Scenarios {
		var names []string
		for _, result := range part.Results {
			names = append(names, result.Contender)
			if len(result.Errors) > 0 || len(result.Rounds) != 1 {
				t.Errorf("%s, %s: got %d rounds and errors %q, want one round", part.Name, result.Contender,
					len(result.Rounds), result.Errors)
			}
			// A client that waits takes no goroutine.
			if s, ok := result.Span("goroutines"); part.Name == "idle" && (!ok || s.High > 0.5) {
				t.Errorf("%s: got %g goroutines per client, want none", result.Contender, s.High)
			}
			if s, ok := result.Span("p50"); part.Name == "leave" && (!ok || s.Low <= 0) {
				t.Errorf("%s: got %g ms until a client's leaving is noticed, want a time", result.Contender, s.Low)
			}
		}
		if want := []string{contender.Tidings, contender.Tidings + "@nginx"}; !slices.Equal(names, want) {
			t.Errorf("%s: got %q, want %q", part.Name, names, want)
		}
	}
}

// TestMarks checks which contender is compared with which.
func TestMarks(t *testing.T) {
	t.Parallel()
	c := contender.Contender{Name: "a"}.BehindNginx().Before()
	plain, isBefore := contender.CutBefore(c.Name)
	if !isBefore || plain != "a@nginx" {
		t.Errorf("got %q, %t, want the contender behind nginx, of the program before", plain, isBefore)
	}
	for name, want := range map[string]string{c.Name: "a@before", plain: "a", "a": "a"} {
		if got, found := contender.CutNginx(name); got != want || found != (name != want) {
			t.Errorf("%s: got %q, %t, want %q", name, got, found, want)
		}
	}
}
