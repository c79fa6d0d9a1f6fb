//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/report"
)

// TestBefore runs a comparison with another program, which is this one behind
// a script that keeps the command lines.
func TestBefore(t *testing.T) { //nolint:paralleltest // It pins this process to a core.
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	calls, program := filepath.Join(dir, "calls"), filepath.Join(dir, "before")
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" >>'%s'\nexec '%s' \"$@\"\n", calls, self)
	if err = os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "results.json")
	err = run([]string{
		"-quick", "-clients", "20", "-only", contender.Tidings + "," + contender.Raw, "-scenario", "steady,throttled,storm",
		"-before", program, "-json", file,
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got report.Run
	if err = json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := []string{contender.Tidings, contender.Tidings + "@before", contender.Raw}
	for _, part := range got.Scenarios {
		var names []string
		for _, result := range part.Results {
			names = append(names, result.Contender)
			if len(result.Errors) > 0 || result.Absent == "" && len(result.Rounds) != 1 {
				t.Errorf("%s, %s: got %d rounds and errors %q, want one round", part.Name, result.Contender,
					len(result.Rounds), result.Errors)
			}
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: got %q, want %q", part.Name, names, want)
		}
	}
	// Commit b6a2a1a knows -name, -channels, -history and -profile.
	said, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	wantCalls := []string{
		"server -name tidings-gin -channels 1",
		"server -name tidings-gin -channels 1 -keys 10",
		"server -name tidings-gin -channels 1 -history",
	}
	if lines := strings.Split(strings.TrimSpace(string(said)), "\n"); !slices.Equal(lines, wantCalls) {
		t.Errorf("got the command lines %q, want %q", lines, wantCalls)
	}
}

func TestBeforeMissing(t *testing.T) {
	t.Parallel()
	err := run([]string{"-list", "-before", filepath.Join(t.TempDir(), "none")})
	if err == nil || !strings.Contains(err.Error(), "program before") {
		t.Errorf("got %v, want a word about the program before", err)
	}
}
