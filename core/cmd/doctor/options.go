package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core/doctor"
)

const usage = `usage: doctor [flags] URL

Names what is in the way of the event streams of an app, and the line of
configuration to change. URL is the public address of a probe that the app
mounts (doctor.Endpoint of github.com/tidings-go/tidings/core/doctor), or of any
event stream, of which less can be told. The report goes to standard output,
progress to standard error. Ctrl-C ends it with what is known.

Exit status: 0 if nothing is in the way, 1 if something is, 2 if the doctor
could not find out. (go run makes 1 of 2: go install the command for scripts.)

`

// options are what the command line says.
type options struct {
	config doctor.Config
	json   bool
}

// parseOptions reads a command line. It has said what is wrong when it returns
// an error; [flag.ErrHelp] if help was asked for.
func parseOptions(args []string, env func(string) string, stderr io.Writer) (options, error) {
	o := options{config: doctor.Config{Header: make(http.Header)}}
	flags := o.flags(stderr)
	quiet := flags.Bool("quiet", false, "report no progress")
	if err := flags.Parse(args); err != nil {
		return o, err // the flag package has printed it
	}
	if flags.NArg() != 1 {
		err := fmt.Errorf("got %d arguments, want one URL after the flags", flags.NArg())
		_, _ = fmt.Fprintf(stderr, "doctor: %v\n", err)
		return o, err
	}
	o.config.URL = flags.Arg(0)
	for _, d := range []*time.Duration{&o.config.Idle, &o.config.Watch} {
		if *d == 0 {
			*d = -1 // in a Config, 0 is the default
		}
	}
	if o.config.Token == "" {
		o.config.Token = env("TIDINGS_PROBE_TOKEN")
	}
	if !*quiet {
		o.config.Progress = func(line string) { _, _ = fmt.Fprintln(stderr, "doctor:", line) }
	}
	return o, nil
}

// flags returns the flags of the command line that set options.
func (o *options) flags(stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.json, "json", false, "print the report in JSON")
	flags.StringVar(&o.config.Token, "token", "",
		"`token` of the probe (default $TIDINGS_PROBE_TOKEN, which other users of the machine do not see)")
	flags.Func("H", "`'Name: value'` of a header field, a cookie of a login say; may be repeated", func(field string) error {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return errors.New("no colon")
		}
		o.config.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		return nil
	})
	flags.DurationVar(&o.config.Idle, "idle", 20*time.Second,
		"`time` of silence that a stream should survive; 70s finds a timeout of a minute, 0 none")
	flags.DurationVar(&o.config.Watch, "watch", 20*time.Second,
		"`time` that a stream with events should stay open; 0 does not look")
	flags.DurationVar(&o.config.Heartbeat, "heartbeat", 15*time.Second, "`time` between the heartbeats of the app's streams")
	flags.Usage = func() {
		_, _ = fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	return flags
}

// print prints a report.
func (o *options) print(to io.Writer, r *doctor.Report) error {
	if !o.json {
		return r.WriteText(to)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		_, err = to.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
