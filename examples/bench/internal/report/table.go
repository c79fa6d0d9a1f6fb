//go:build linux

package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/tidings-go/tidings/examples/bench/internal/scenario"
)

// none stands for a value that there is not.
const none = "–"

// WriteTables writes the tables, in Markdown that reads well as it is.
func (r *Run) WriteTables(w io.Writer) error {
	pinned := "server and load on a core each"
	if !r.Pinned {
		pinned = "NOT pinned: server and load share the cores"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %s; %s; median of %d (lowest to highest)\n", r.Machine, r.Go, pinned, r.Rounds)
	for _, p := range r.Scenarios {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", p.Title, p.About)
		writeTable(&b, p.table())
		for _, result := range p.Results {
			for _, problem := range result.Errors {
				fmt.Fprintf(&b, "\n- %s: %s\n", result.Contender, problem)
			}
		}
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	return nil
}

// table returns the cells, headings first.
func (p Part) table() [][]string {
	heading := []string{""}
	for _, m := range p.Metrics {
		heading = append(heading, m.Label+", "+m.Unit)
		if m.Compared {
			for _, b := range p.bases() {
				heading = append(heading, "× "+b.heading)
			}
		}
	}
	rows := [][]string{heading}
	for _, result := range p.Results {
		row := []string{result.Contender}
		for _, m := range p.Metrics {
			row = append(row, result.cell(m))
			if !m.Compared {
				continue
			}
			for _, b := range p.bases() {
				row = append(row, p.multiple(&result, b.of(result.Contender), m.Key))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func (r *Result) cell(m scenario.Metric) string {
	if r.Absent != "" {
		return "n/a"
	}
	s, ok := r.Span(m.Key)
	switch {
	case !ok && len(r.Errors) > 0:
		return "failed"
	case !ok:
		return none
	}
	median, low, high := number(s.Median, m.Digits), number(s.Low, m.Digits), number(s.High, m.Digits)
	if low == high {
		return median
	}
	return fmt.Sprintf("%s (%s to %s)", median, low, high)
}

func (p Part) multiple(r *Result, base, key string) string {
	ratio, ok := p.ratio(r, base, key)
	switch {
	case !ok:
		return none
	case ratio >= 100:
		return number(ratio, 0)
	default:
		return number(ratio, 2)
	}
}

func number(v float64, digits int) string { return fmt.Sprintf("%.*f", digits, v) }

// writeTable aligns the cells: names to the left, numbers to the right.
func writeTable(b *strings.Builder, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	for n, row := range rows {
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString("| " + cell + gap)
			} else {
				b.WriteString(" | " + gap + cell)
			}
		}
		b.WriteString(" |\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			if i == 0 {
				b.WriteString("|" + strings.Repeat("-", width+2))
			} else {
				b.WriteString("|" + strings.Repeat("-", width+1) + ":")
			}
		}
		b.WriteString("|\n")
	}
}
