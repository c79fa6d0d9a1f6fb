package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/tidings-go/tidings/core/client"
)

// printer prints what a client sees: events to out, all else to states.
type printer struct {
	out, states io.Writer
	json        bool
	reconnects  int
}

// line is an event in JSON.
type line struct {
	ID         string `json:"id"`
	Event      string `json:"event"`
	Data       string `json:"data"`
	Reconnects int    `json:"reconnects"`
}

func (p *printer) event(ev client.Event) error {
	var text []byte
	if p.json {
		var err error
		if text, err = json.Marshal(line{ev.LastEventID, ev.Name, ev.Data, p.reconnects}); err != nil {
			return fmt.Errorf("event: %w", err)
		}
		text = append(text, '\n')
	} else {
		text = append(text, harmless(ev.Name+" "+ev.LastEventID, 1000)...)
		for l := range strings.SplitSeq(ev.Data, "\n") {
			text = append(text, "\n  "+harmless(l, len(l))...)
		}
		text = append(text, '\n')
	}
	if _, err := p.out.Write(text); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

func (p *printer) state(format string, args ...any) {
	_, _ = fmt.Fprintf(p.states, format+"\n", args...)
}

func (p *printer) reconnect(r client.Reconnect) {
	p.reconnects++
	why := "the stream has ended"
	if !errors.Is(r.Err, io.EOF) {
		why = describe(r.Err)
	}
	if r.Dropped != "" {
		why += "; the last event ID is dropped"
	}
	p.state("lost: %s; next attempt in %v", why, r.Delay.Round(time.Millisecond))
}

// close tells how a run has ended, if that was in order.
func (p *printer) close(reason error) {
	switch {
	case errors.Is(reason, client.ErrNoContent):
		p.state("closed: the server says that there will be no more")
	case errors.As(reason, new(*client.Error)):
	default:
		p.state("closed")
	}
}

// harmless returns a text in one line of that many bytes at most, without what
// a terminal would take for a command.
func harmless(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return ' '
		case r == '\t' || !unicode.IsControl(r):
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
