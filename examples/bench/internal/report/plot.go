//go:build linux

package report

import (
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/scenario"
)

// Measures of a plot, in pixels.
const (
	plotWidth = 800
	left      = 170 // where the bars begin
	right     = 620 // where the scale ends: values stand behind it
	top       = 56
	rowHeight = 30
	barHeight = 18
)

// Colours: one for what the plot is about, one for the same before, one for
// what it is compared with, one for the limit.
const (
	colourTidings = "#0b7285"
	colourBefore  = "#66b2bf"
	colourOther   = "#adb5bd"
	colourRaw     = "#e8a33d"
	colourText    = "#212529"
	colourQuiet   = "#5c636a"
	colourGrid    = "#e3e6e9"
)

// WritePlots writes a plot, scenario.svg, for each scenario that has one into
// a directory.
func (r *Run) WritePlots(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("plots: %w", err)
	}
	for _, p := range r.Scenarios {
		for _, m := range p.Metrics {
			if m.Plot == "" {
				continue
			}
			svg := p.plot(m, r.Rounds)
			if err := os.WriteFile(filepath.Join(dir, p.Name+".svg"), []byte(svg), 0o600); err != nil {
				return fmt.Errorf("plot: %w", err)
			}
		}
	}
	return nil
}

// plot draws a bar for each contender: its median, and its range as a whisker.
func (p Part) plot(m scenario.Metric, rounds int) string {
	var highest float64
	for _, result := range p.Results {
		for _, key := range append([]string{m.Key}, m.Beyond...) {
			if s, ok := result.Span(key); ok {
				highest = max(highest, s.High)
			}
		}
	}
	step := niceStep(highest)
	end := max(math.Ceil(highest/step)*step, step)
	x := func(v float64) float64 { return left + (right-left)*max(v, 0)/end }
	bottom := top + rowHeight*len(p.Results)
	height := bottom + 58

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`font-family="system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif" font-size="13" role="img">`+"\n",
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", escape(m.Plot))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", plotWidth, height)
	text(&b, 16, 28, colourText, `font-size="16" font-weight="600"`, m.Plot)
	for v := 0.0; v <= end+step/2; v += step {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="%s"/>`+"\n", x(v), top-6, x(v), bottom, colourGrid)
		text(&b, x(v), float64(bottom+18), colourQuiet, `font-size="12" text-anchor="middle"`, scaleLabel(v, step))
	}
	for i, result := range p.Results {
		p.bar(&b, m, &result, float64(top+rowHeight*i), x)
	}
	better := "less is better"
	if m.More {
		better = "more is better"
	}
	labels := []string{m.Label}
	for _, other := range p.beyond(m) {
		labels = append(labels, other.Label)
	}
	label := strings.Join(labels, " / ")
	caption := fmt.Sprintf("%s, %s; %s; median of %d rounds, whisker: range", label, m.Unit, better, rounds)
	if rounds == 1 {
		caption = fmt.Sprintf("%s, %s; %s; one round", label, m.Unit, better)
	}
	text(&b, (left+right)/2, float64(bottom+42), colourQuiet, `font-size="12" text-anchor="middle"`, caption)
	b.WriteString("</svg>\n")
	return b.String()
}

// bar draws one row, whose upper edge is y.
func (p Part) bar(b *strings.Builder, m scenario.Metric, result *Result, y float64, x func(float64) float64) {
	name := result.Contender
	colour, weight := colourOther, "400"
	_, old := contender.CutBefore(name)
	switch {
	case old:
		colour, name = colourBefore, "before" // below its namesake
	case contender.IsTidings(name):
		colour, weight = colourTidings, "600"
	case name == contender.Raw:
		colour, name = colourRaw, "raw loop"
	}
	line := y + rowHeight/2 + 4.5
	text(b, left-10, line, colourText, fmt.Sprintf(`text-anchor="end" font-weight="%s"`, weight), name)
	s, ok := result.Span(m.Key)
	if !ok {
		text(b, left+6, line, colourQuiet, `font-style="italic"`, result.cell(m))
		return
	}
	draw := func(v float64, opacity string) {
		fmt.Fprintf(b, `<rect x="%d" y="%.1f" width="%.1f" height="%d" rx="2" fill="%s"%s/>`+"\n",
			left, y+(rowHeight-barHeight)/2, max(x(v)-left, 1), barHeight, colour, opacity)
	}
	values, end := []string{number(s.Median, m.Digits)}, s.High
	for _, other := range p.beyond(m) {
		if far, known := result.Span(other.Key); known {
			draw(far.Median, ` fill-opacity="0.25"`)
			values = append(values, number(far.Median, other.Digits))
			end = max(end, far.Median)
		}
	}
	draw(s.Median, "")
	if s.High > s.Low {
		middle := y + rowHeight/2
		fmt.Fprintf(b, `<path d="M%.1f %.1fH%.1fM%.1f %.1fv8M%.1f %.1fv8" stroke="%s" stroke-width="1.2" fill="none"/>`+"\n",
			x(s.Low), middle, x(s.High), x(s.Low), middle-4, x(s.High), middle-4, colourText)
	}
	text(b, x(end)+8, line, colourText, `font-weight="`+weight+`"`, strings.Join(values, " / ")+p.beside(m, result))
}

// beyond returns the metrics that a plot draws behind a metric's bar.
func (p Part) beyond(m scenario.Metric) []scenario.Metric {
	var all []scenario.Metric
	for _, key := range m.Beyond {
		for _, other := range p.Metrics {
			if other.Key == key {
				all = append(all, other)
			}
		}
	}
	return all
}

// beside returns what a plot says after a metric's value.
func (p Part) beside(m scenario.Metric, result *Result) string {
	for _, other := range p.Metrics {
		if s, ok := result.Span(other.Key); ok && other.Key == m.Beside {
			return fmt.Sprintf("  (%s %s %s)", other.Label, number(s.Median, 0), other.Unit)
		}
	}
	return ""
}

func text(b *strings.Builder, x, y float64, colour, attributes, content string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s" %s>%s</text>`+"\n", x, y, colour, attributes, escape(content))
}

func escape(s string) string {
	var b strings.Builder
	// A strings.Builder takes everything.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// niceStep returns a step of 1, 2 or 5 times a power of ten that divides a
// scale into about six.
func niceStep(highest float64) float64 {
	if highest <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(highest/6)))
	for _, factor := range []float64{1, 2, 5} {
		if highest/(unit*factor) <= 7 {
			return unit * factor
		}
	}
	return unit * 10
}

// scaleLabel writes a value with as many digits as the step needs.
func scaleLabel(v, step float64) string {
	return number(v, max(0, -int(math.Floor(math.Log10(step)))))
}
