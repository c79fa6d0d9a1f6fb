//go:build linux

// Package report writes results down: as tables, as JSON, as plots.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/scenario"
)

// Run is everything that a run of the benchmark found out.
type Run struct {
	Time    time.Time `json:"time"`
	Machine string    `json:"machine"`
	Go      string    `json:"go"`
	// Pinned reports whether the server and the load had a core each.
	Pinned bool `json:"pinned"`
	Rounds int  `json:"rounds"`
	// Versions are those of the modules that are compared.
	Versions map[string]string `json:"versions"`
	// Before is the other build of the benchmark that took part, if any.
	Before    string `json:"before,omitempty"`
	Scenarios []Part `json:"scenarios"`
}

// Part is what a run found out about one scenario.
type Part struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	About   string   `json:"about"`
	Results []Result `json:"results"`

	Metrics []scenario.Metric `json:"-"`
}

// Result is what a contender came to in a scenario.
type Result struct {
	Contender string `json:"contender"`
	// Rounds has the values of each round that succeeded.
	Rounds []scenario.Values `json:"rounds"`
	// Errors says what went wrong in the others.
	Errors []string `json:"errors,omitempty"`
	// Absent says why there is nothing to measure.
	Absent string `json:"absent,omitempty"`
}

// Span is a metric's median over the rounds, and its range.
type Span struct {
	Low, Median, High float64
}

// Span returns a metric's span; ok is false if there are no values.
func (r *Result) Span(key string) (s Span, ok bool) {
	var all []float64
	for _, values := range r.Rounds {
		if v, ok := values[key]; ok {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return Span{}, false
	}
	slices.Sort(all)
	middle := len(all) / 2
	s = Span{Low: all[0], Median: all[middle], High: all[len(all)-1]}
	if len(all)%2 == 0 {
		s.Median = (all[middle-1] + all[middle]) / 2
	}
	return s, true
}

// Add adds the values of a round. Those that are no numbers, for want of
// anything to divide by, are left out.
func (r *Result) Add(values scenario.Values) {
	for key, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(values, key)
		}
	}
	r.Rounds = append(r.Rounds, values)
}

// bases returns what compared metrics are shown as multiples of. The program
// before, and the contender without nginx, are among it only if they took part.
func (p Part) bases() []base {
	all := []base{
		{contender.Raw, func(string) string { return contender.Raw }},
		{contender.Tidings, func(string) string { return contender.Tidings }},
	}
	if p.has(contender.CutBefore) {
		all = append(all, base{"before", contender.NameBefore})
	}
	if p.has(contender.CutNginx) {
		all = append(all, base{"direct", func(name string) string {
			direct, _ := contender.CutNginx(name)
			return direct
		}})
	}
	return all
}

// has reports whether there is a contender whose name has a mark.
func (p Part) has(cut func(name string) (string, bool)) bool {
	return slices.ContainsFunc(p.Results, func(r Result) bool {
		_, found := cut(r.Contender)
		return found
	})
}

// base is what compared metrics are shown as a multiple of.
type base struct {
	heading string
	// of returns the name of the contender that one is compared with.
	of func(name string) string
}

// ratio returns how a result's median compares with that of another.
func (p Part) ratio(r *Result, name, key string) (float64, bool) {
	i := slices.IndexFunc(p.Results, func(r Result) bool { return r.Contender == name })
	if i < 0 {
		return 0, false
	}
	own, ok := r.Span(key)
	base, known := p.Results[i].Span(key)
	if !ok || !known || base.Median == 0 {
		return 0, false
	}
	return own.Median / base.Median, true
}

// WriteJSON writes all of it.
func (r *Run) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}
