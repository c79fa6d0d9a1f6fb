package accept_test

import (
	"testing"

	"github.com/tidings-go/tidings/core/internal/accept"
)

func TestEventStream(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values []string
		want   bool
	}{
		"no header":                 {nil, true},
		"empty":                     {[]string{""}, true},
		"only commas":               {[]string{" , ,"}, true},
		"itself":                    {[]string{"text/event-stream"}, true},
		"itself, any case":          {[]string{"Text/Event-Stream"}, true},
		"parameter":                 {[]string{"text/event-stream;charset=utf-8"}, true},
		"everything":                {[]string{"*/*"}, true},
		"lone star":                 {[]string{"text/html, *; q=.2"}, true},
		"text":                      {[]string{"text/*"}, true},
		"other":                     {[]string{"text/html"}, false},
		"others":                    {[]string{"application/json", "text/html"}, false},
		"among others":              {[]string{"application/json, text/event-stream"}, true},
		"in a second line":          {[]string{"application/json", "text/event-stream"}, true},
		"low quality":               {[]string{"text/event-stream;q=0.001"}, true},
		"quality of 0":              {[]string{"text/event-stream;q=0"}, false},
		"quality of 0.000":          {[]string{"text/event-stream; Q = 0.000 "}, false},
		"0 but everything else":     {[]string{"*/*, text/event-stream;q=0"}, false},
		"0 but everything else, II": {[]string{"text/event-stream;q=0", "text/*", "*/*;q=1"}, false},
		"everything else 0":         {[]string{"*/*;q=0, text/event-stream"}, true},
		"text 0, everything":        {[]string{"text/*;q=0, */*"}, false},
		"text, everything 0":        {[]string{"text/*, */*;q=0"}, true},
		"twice":                     {[]string{"text/event-stream;q=0;a=b, text/event-stream"}, true},
		"quality that is none":      {[]string{"text/event-stream;q=high"}, true},
		"quality not a number":      {[]string{"text/event-stream;q=NaN"}, false},
		"quality below 0":           {[]string{"text/event-stream;q=-1"}, false},
		"quality after a parameter": {[]string{"text/event-stream;charset=utf-8;q=0"}, false},
		"like quality":              {[]string{"text/event-stream;qs=0"}, true},
		"malformed":                 {[]string{"text", ";q=1", "/"}, false},
		"prefix":                    {[]string{"text/event-streams"}, false},
		"browser's page":            {[]string{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := accept.Choose(test.values, []string{"text/event-stream"}) == 0; got != test.want {
				t.Errorf("got %v for %q, want %v", got, test.values, test.want)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	offers := []string{"text/event-stream", "application/x-ndjson", "application/json"}
	for name, test := range map[string]struct {
		accept string
		want   int
	}{
		"nothing":                 {"", 0},
		"everything":              {"*/*", 0},
		"EventSource":             {"text/event-stream", 0},
		"JSON":                    {"application/json", 2},
		"lines":                   {"application/x-ndjson", 1},
		"any application":         {"application/*", 1},
		"axios":                   {"application/json, text/plain, */*", 2},
		"weights":                 {"application/json;q=0.5, application/x-ndjson;q=0.6, text/event-stream;q=0.1", 1},
		"a weight over a name":    {"application/json;q=0.5, */*", 0},
		"all named, order":        {"application/json, application/x-ndjson, text/event-stream", 0},
		"not event streams":       {"*/*, text/event-stream;q=0", 1},
		"a page":                  {"text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", 0},
		"weight above 1":          {"application/json;q=7, text/event-stream", 0},
		"none of them":            {"text/html, image/*", -1},
		"none of them, by weight": {"*/*;q=0", -1},
	} {
		if got := accept.Choose([]string{test.accept}, offers); got != test.want {
			t.Errorf("%s: got %d for %q, want %d", name, got, test.accept, test.want)
		}
	}
}

func TestByName(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		"text/event-stream": true, "text/html, Text/Event-Stream": true, "*/*": false, "text/*": false, "": false,
		"text/event-stream;q=0": false,
	} {
		if got := accept.ByName([]string{value}, "text/event-stream"); got != want {
			t.Errorf("got %v for %q, want %v", got, value, want)
		}
	}
}
