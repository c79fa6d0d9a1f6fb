package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/tidings-go/tidings/core/client"
)

// options are what the command line says.
type options struct {
	config client.Config
	json   bool
}

// parseOptions reads a command line. It has said what is wrong when it returns
// an error; [flag.ErrHelp] if help was asked for.
func parseOptions(args []string, stdin io.Reader, stderr io.Writer) (options, error) {
	o := options{config: client.Config{Header: make(http.Header)}}
	var data string
	var persist bool
	flags := flag.NewFlagSet("client", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Func("H", "`'Name: value'` of a header field, may be repeated", func(field string) error {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return errors.New("no colon")
		}
		o.config.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
		return nil
	})
	flags.StringVar(&o.config.Method, "method", "", "HTTP `method` (default GET, or POST with -d)")
	flags.StringVar(&data, "d", "", "`data` to send: text, @file, or @- for standard input")
	flags.StringVar(&o.config.LastEventID, "last-id", "", "`ID` of the event to resume after")
	flags.BoolVar(&o.json, "json", false, "print one JSON object for each event")
	flags.BoolVar(&o.config.OneShot, "once", false, "end with the stream, and do not connect again")
	flags.StringVar(&o.config.Terminator, "until", "", "`data` of the event that ends the stream, [DONE] say")
	flags.DurationVar(&o.config.IdleTimeout, "idle", 0, "connect again after a `time` of silence, 45s say")
	flags.IntVar(&o.config.Backoff.MaxAttempts, "attempts", 0, "give up after that `many` failures in a row")
	flags.BoolVar(&persist, "persist", false, "connect again also after 429, 503 and other statuses that may pass")
	flags.Usage = func() {
		_, _ = fmt.Fprintln(stderr, "usage: client [-H 'Name: value'] [-method POST -d @file] [-last-id ID] [-json] URL")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err //nolint:wrapcheck // The flag package has printed it.
	}
	if persist {
		o.config.RetryStatus = client.TemporaryStatus
	}
	err := o.complete(flags.Args(), data, stdin)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "client: %v\n", err)
	}
	return o, err
}

// complete adds the URL and the data.
func (o *options) complete(rest []string, data string, stdin io.Reader) (err error) {
	if len(rest) != 1 {
		return fmt.Errorf("got %d arguments, want one URL after the flags", len(rest))
	}
	o.config.URL = rest[0]
	if data == "" {
		return nil
	}
	if o.config.Body, err = read(data, stdin); err != nil {
		return err
	}
	if o.config.Header.Get("Content-Type") == "" {
		o.config.Header.Set("Content-Type", "text/plain; charset=utf-8")
		if json.Valid(o.config.Body) {
			o.config.Header.Set("Content-Type", "application/json")
		}
	}
	return nil
}

// read returns what the flag for data stands for.
func read(data string, stdin io.Reader) ([]byte, error) {
	name, isFile := strings.CutPrefix(data, "@")
	switch {
	case !isFile:
		return []byte(data), nil
	case name == "-":
		var all bytes.Buffer
		_, err := all.ReadFrom(stdin)
		return all.Bytes(), err //nolint:wrapcheck // It says all.
	}
	return os.ReadFile(name) //nolint:wrapcheck // It says all.
}
