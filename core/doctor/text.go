package doctor

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for people to read.
func (r *Report) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n  %s\n", r.URL, strings.Join(r.facts(), "\n  "))
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s: %s\n  %s\n  %s\n", f.Severity, f.Code, f.Measured, f.Why)
		for _, fix := range f.Fixes {
			indented := strings.ReplaceAll(fix.Line, "\n", "\n"+strings.Repeat(" ", 18))
			fmt.Fprintf(&b, "    %-13s %s\n", fix.Where, indented)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.summary())
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("tidings: doctor: report: %w", err)
	}
	return nil
}

// facts returns what was seen, in a few lines.
func (r *Report) facts() []string {
	if r.Head.Status == 0 {
		return []string{"no answer"}
	}
	head := fmt.Sprintf("status %d, %s", r.Head.Status, r.Head.Protocol)
	if r.Head.Server != "" {
		head += ", server " + r.Head.Server
	}
	if r.Head.Via != "" {
		head += ", via " + r.Head.Via
	}
	lines := []string{head}
	if r.App != nil {
		to := "through proxies"
		if r.Direct {
			to = "without a proxy"
		}
		lines = append(lines, fmt.Sprintf("the app: %s, %s", r.App.Protocol, to))
	}
	var measured []string
	for _, m := range []struct {
		what  string
		value *float64
	}{
		{"head after %.3f s", r.Times.Head},
		{"first event after %.3f s", r.Times.Event},
		{"largest delay %.3f s", r.Times.Delay},
		{"silence survived %.1f s", r.Times.Silence},
		{"open for %.1f s", r.Times.Open},
		{"departure noticed after %.3f s", r.Times.Leave},
	} {
		if m.value != nil {
			measured = append(measured, fmt.Sprintf(m.what, *m.value))
		}
	}
	if len(measured) > 0 {
		lines = append(lines, strings.Join(measured, ", "))
	}
	return lines
}

// summary returns the last line of the report.
func (r *Report) summary() string {
	var counts [3]int
	var all []string
	for _, f := range r.Findings {
		counts[f.Severity.rank()]++
	}
	for i, what := range []string{"error", "warning", "note"} {
		if counts[i] != 1 {
			what += "s"
		}
		all = append(all, fmt.Sprintf("%d %s", counts[i], what))
	}
	text := fmt.Sprintf("%s, %.1f s", strings.Join(all, ", "), r.Seconds)
	switch {
	case !r.Complete:
		return text + ": interrupted, this is what was known"
	case r.Healthy():
		return text + ": nothing is in the way"
	}
	return text
}
