//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
	"github.com/tidings-go/tidings/examples/bench/internal/proc"
	"github.com/tidings-go/tidings/examples/bench/internal/report"
	"github.com/tidings-go/tidings/examples/bench/internal/scenario"
	"github.com/tidings-go/tidings/examples/bench/internal/target"
)

// runner measures everything that was asked for.
type runner struct {
	options    options
	contenders []contender.Contender
	scenarios  []scenario.Scenario
	result     report.Run
}

func newRunner(o options) *runner { return &runner{options: o} }

func (r *runner) run() error {
	if err := r.choose(); err != nil {
		return err
	}
	if r.options.list {
		r.list()
		return nil
	}
	r.describe()
	for round := range r.options.rounds {
		for i := range r.scenarios {
			r.round(round, i)
		}
	}
	return r.write()
}

// choose picks contenders, scenarios and cores.
func (r *runner) choose() error {
	cores, err := proc.Cores()
	if err != nil {
		return err
	}
	env := scenario.Env{
		Place: target.Place{
			Cores:    target.Cores{Server: -1, Load: -1},
			Before:   r.options.before,
			Profiles: r.options.profiles,
		},
		Clients: r.options.clients,
		Seconds: r.options.seconds,
		Quick:   r.options.quick,
	}
	if len(cores) > 1 {
		r.result.Pinned = true
		env.Place.Cores = target.Cores{Server: cores[0], Load: cores[1]}
		// The runner idles, but for publishing to nchan: not at the server's
		// expense.
		if err = proc.Pin(cores[1]); err != nil {
			return err
		}
	}
	if dir := r.options.profiles; dir != "" {
		if err = os.MkdirAll(dir, 0o750); err != nil {
			return fmt.Errorf("profiles: %w", err)
		}
	}
	all := contender.All()
	nchan := contender.Contender{Name: contender.Nchan, About: "nchan, a module of nginx (C)", Replays: true}
	if target.HasNchan() {
		all = slices.Insert(all, len(all)-1, nchan)
	} else {
		progress("nchan is left out: there is no nginx with libnginx-mod-nchan")
	}
	r.contenders, err = pick(all, r.options.only, func(c contender.Contender) string { return c.Name })
	if err != nil {
		return err
	}
	if r.options.nginx {
		r.contenders = withOther(r.contenders, contender.Contender.BehindNginx)
	}
	if r.options.before != "" {
		r.contenders = withOther(r.contenders, contender.Contender.Before)
	}
	r.scenarios, err = pick(scenario.All(env), r.options.scenarios, func(s scenario.Scenario) string { return s.Name })
	return err
}

// withOther returns all, each of the library's own followed by its other self.
func withOther(all []contender.Contender, other func(contender.Contender) contender.Contender) []contender.Contender {
	var both []contender.Contender
	for _, c := range all {
		both = append(both, c)
		if contender.IsTidings(c.Name) {
			both = append(both, other(c))
		}
	}
	return both
}

// pick returns those of all whose names are listed, or all.
func pick[T any](all []T, list string, name func(T) string) ([]T, error) {
	if list == "" {
		return all, nil
	}
	var picked []T
	for wanted := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == wanted })
		if i < 0 {
			return nil, fmt.Errorf("there is no %q; -list says what there is", wanted)
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}

func (r *runner) list() {
	fmt.Println("contenders:")
	for _, c := range r.contenders {
		fmt.Printf("  %-22s %s\n", c.Name, c.About)
	}
	fmt.Println("scenarios:")
	for _, s := range r.scenarios {
		fmt.Printf("  %-22s %s\n", s.Name, s.About)
	}
}

// describe fills in what does not depend on any measurement.
func (r *runner) describe() {
	r.result.Time = time.Now().UTC().Truncate(time.Second)
	r.result.Machine = machine()
	r.result.Go = runtime.Version()
	r.result.Rounds = r.options.rounds
	r.result.Before = r.options.before
	r.result.Versions = make(map[string]string)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			switch m.Path {
			case "github.com/r3labs/sse/v2", "github.com/tmaxmax/go-sse", "github.com/launchdarkly/eventsource",
				"github.com/gin-gonic/gin", "github.com/gofiber/fiber/v2", "github.com/valyala/fasthttp":
				r.result.Versions[m.Path] = m.Version
			}
		}
	}
	for _, s := range r.scenarios {
		part := report.Part{Name: s.Name, Title: s.Title, About: s.About, Metrics: s.Metrics}
		for _, c := range r.contenders {
			result := report.Result{Contender: c.Name}
			if s.Replay && !c.Replays {
				result.Absent = "it does not replay"
			}
			if s.Leaves && !c.Leaves {
				result.Absent = "it does not say when clients leave"
			}
			if s.Conflate && !c.Conflates {
				result.Absent = "it does not conflate"
			}
			part.Results = append(part.Results, result)
		}
		r.result.Scenarios = append(r.result.Scenarios, part)
	}
}

// round measures one scenario once with every contender, each round beginning
// with another one.
func (r *runner) round(round, index int) {
	s, part := r.scenarios[index], &r.result.Scenarios[index]
	for n := range r.contenders {
		n = (n + round) % len(r.contenders)
		result := &part.Results[n]
		if result.Absent != "" {
			continue
		}
		start := time.Now()
		values, err := s.Run(result.Contender)
		if err != nil {
			result.Errors = append(result.Errors, err.Error())
			progress("round %d  %-9s %-27s %5.1f s  FAILED: %v",
				round+1, s.Name, result.Contender, time.Since(start).Seconds(), err)
			continue
		}
		result.Add(values)
		progress("round %d  %-9s %-27s %5.1f s  %s",
			round+1, s.Name, result.Contender, time.Since(start).Seconds(), summary(s, values))
	}
}

// summary is a round's values in one line.
func summary(s scenario.Scenario, values scenario.Values) string {
	var parts []string
	for _, m := range s.Metrics {
		if v, ok := values[m.Key]; ok {
			parts = append(parts, fmt.Sprintf("%s %.*f %s", m.Label, m.Digits, v, m.Unit))
		}
	}
	return strings.Join(parts, ", ")
}

// progress says how far it is, apart from the results.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

func (r *runner) write() error {
	if err := r.result.WriteTables(os.Stdout); err != nil {
		return err
	}
	if r.options.svgDir != "" {
		if err := r.result.WritePlots(r.options.svgDir); err != nil {
			return err
		}
	}
	if r.options.jsonFile == "" {
		return nil
	}
	file, err := os.Create(r.options.jsonFile)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if err := r.result.WriteJSON(file); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

// machine says what this runs on.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	kernel := "Linux"
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel += " " + strings.TrimSpace(string(release))
	}
	return fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), kernel)
}
