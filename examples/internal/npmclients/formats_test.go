package npmclients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// TestFormats has a browser, jq and a json.Decoder read the same handler, of Gin
// and of Fiber. The texts arrive unchanged, and each notices that an array has no
// end.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			t.Parallel()
			hub := core.NewHub(core.HubConfig{})
			t.Cleanup(func() { _ = hub.Close() })
			gate := core.NewGate(hub, core.GateConfig{
				Dialects: []core.Dialect{{Format: core.JSONLines, Text: true}, {Format: core.JSONArray, Text: true}},
			})
			url := listen(t, framework, map[string]*core.Endpoint{"/texts": gate.Handle(sendTexts)}) + "/texts"
			t.Run("json.Decoder", func(t *testing.T) { t.Parallel(); readByDecoder(t, url) })
			t.Run("jq", func(t *testing.T) { t.Parallel(); readByJQ(t, url) })
			t.Run("browser", func(t *testing.T) { t.Parallel(); readByBrowser(t, url) })
		})
	}
}

// sendTexts sends the pieces, one by one, and fails if it is asked to.
func sendTexts(s *core.Sender) error {
	for _, piece := range pieces {
		if err := s.Send(core.Event{Data: piece}); err != nil {
			return err
		}
	}
	if s.Request().URL.RawQuery == "fail" {
		return errors.New("failed on purpose")
	}
	return nil
}

func wantPieces(t *testing.T, what string, got []string) {
	t.Helper()
	if !slices.Equal(got, pieces) {
		t.Errorf("%s: got %q, want %q", what, got, pieces)
	}
}

func readByDecoder(t *testing.T, url string) {
	t.Helper()
	get := func(url, accept string) *json.Decoder {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		resp, err := sampletest.Client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return json.NewDecoder(resp.Body)
	}
	var lines, array []string
	dec := get(url, core.JSONLines.String())
	for {
		var text string
		err := dec.Decode(&text)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, text)
	}
	wantPieces(t, "lines", lines)
	if err := get(url, core.JSONArray.String()).Decode(&array); err != nil {
		t.Fatal(err)
	}
	wantPieces(t, "array", array)
	if err := get(url+"?fail", core.JSONArray.String()).Decode(&array); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("array without an end: got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}

func readByJQ(t *testing.T, url string) {
	t.Helper()
	jq := func(accept, filter, url string) (texts []string, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), sampletest.Patience)
		defer cancel()
		pipe := fmt.Sprintf("set -o pipefail; curl -sN -H 'Accept: %s' '%s' | jq -c '%s'", accept, url, filter)
		out, err := exec.CommandContext(ctx, "bash", "-c", pipe).Output()
		for line := range bytes.Lines(out) {
			var text string
			if bad := json.Unmarshal(line, &text); bad != nil {
				t.Fatalf("jq: got %q: %v", line, bad)
			}
			texts = append(texts, text)
		}
		return texts, err
	}
	for accept, filter := range map[string]string{core.JSONLines.String(): ".", core.JSONArray.String(): ".[]"} {
		got, err := jq(accept, filter, url)
		if err != nil {
			t.Errorf("%s: %v", accept, err)
		}
		wantPieces(t, accept, got)
	}
	if got, err := jq(core.JSONArray.String(), ".[]", url+"?fail"); err == nil {
		t.Errorf("array without an end: got %q and no error", got)
	}
}

// inPage reads the texts in all formats.
const inPage = `(async url => {
	const as = accept => fetch(url, {headers: {Accept: accept}});
	const events = await new Promise(resolve => {
		const all = [], source = new EventSource(url);
		source.onmessage = e => all.push(e.data);
		source.onerror = () => { source.close(); resolve(all); };
	});
	const lines = (await (await as("application/x-ndjson")).text()).split("\n").filter(line => line).map(line => JSON.parse(line));
	const array = await (await as("application/json")).json();
	url += "?fail";
	const failure = await (await as("application/json")).json().catch(e => e.name);
	window.got = JSON.stringify({events, lines, array, failure});
})(%q).catch(e => window.got = JSON.stringify({failure: String(e)}))`

func readByBrowser(t *testing.T, url string) {
	t.Helper()
	b := sampletest.NewBrowser(t)
	b.Do(chromedp.Navigate(strings.TrimSuffix(url, "texts"))) // a page of the same origin, though there is none
	b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(inPage, url) + "; 0"))
	b.Await("window.got")
	var got struct {
		Events  []string `json:"events"`
		Lines   []string `json:"lines"`
		Array   []string `json:"array"`
		Failure string   `json:"failure"`
	}
	if err := json.Unmarshal([]byte(sampletest.Value[string](b, "window.got")), &got); err != nil {
		t.Fatal(err)
	}
	wantPieces(t, "events", got.Events)
	wantPieces(t, "lines", got.Lines)
	wantPieces(t, "array", got.Array)
	if got.Failure != "SyntaxError" {
		t.Errorf("array without an end: got %q, want a SyntaxError", got.Failure)
	}
}
