//go:build linux

package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/examples/bench/internal/report"
	"github.com/tidings-go/tidings/examples/bench/internal/scenario"
)

// aRun returns a run with a metric whose plot shows another behind it.
func aRun(names ...string) *report.Run {
	part := report.Part{Name: "some", Title: "Some", Metrics: []scenario.Metric{
		{Key: "p50", Label: "p50", Unit: "s", Digits: 1, Compared: true, Plot: "Ages", Beyond: []string{"max"}},
		{Key: "max", Label: "most", Unit: "s"},
	}}
	for i, name := range names {
		part.Results = append(part.Results, report.Result{
			Contender: name, Rounds: []scenario.Values{{"p50": float64(i + 1), "max": 9}},
		})
	}
	return &report.Run{Rounds: 1, Scenarios: []report.Part{part}}
}

func TestRatioToBefore(t *testing.T) {
	t.Parallel()
	tables := func(names ...string) string {
		t.Helper()
		var b strings.Builder
		if err := aRun(names...).WriteTables(&b); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(b.String()), " ")
	}
	got := tables("tidings-http", "tidings-http@before", "raw")
	for _, want := range []string{
		"| p50, s | × raw | × tidings-gin | × before | most, s |",
		"| tidings-http | 1.0 | 0.33 | – | 0.50 | 9 |",
		"| tidings-http@before | 2.0 | 0.67 | – | – | 9 |",
		"| raw | 3.0 | 1.00 | – | – | 9 |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	if got := tables("tidings-http", "raw"); strings.Contains(got, "before") {
		t.Errorf("got %q, want no column for a program that took no part", got)
	}
}

func TestPlotBeyond(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := aRun("tidings-http", "raw").WritePlots(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "some.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">1.0 / 9<", ">2.0 / 9<", ">p50 / most, s; less is better; one round<"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("got a plot without %q", want)
		}
	}
}
