package core_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/tidings-go/tidings/core"
)

// showAs serves an endpoint and prints what a client gets that accepts a media
// type.
func showAs(endpoint http.Handler, accept string) {
	server := httptest.NewServer(endpoint)
	defer server.Close()
	r, _ := http.NewRequest(http.MethodGet, server.URL, http.NoBody)
	r.Header.Set("Accept", accept)
	response, err := server.Client().Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close() //nolint:errcheck // Nothing is lost.
	body, _ := io.ReadAll(response.Body)
	fmt.Printf("%s\n%s", response.Header.Get("Content-Type"), body)
}

// The same handler answers as an event stream, as JSON Lines and as an array. An
// array has no end if the handler fails, and so its client notices.
func ExampleDialect_formats() {
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{
		Dialects: []core.Dialect{{Format: core.JSONLines, Envelope: true}, {Format: core.JSONArray}},
	})
	endpoint := gate.Handle(func(s *core.Sender) error {
		if err := s.Send(core.Event{ID: "1", Name: "count", Data: `{"n": 1}`}, core.Event{Data: " a\nb"}); err != nil {
			return err
		}
		if s.Request().URL.Path == "/fail" {
			return errors.New("the database is gone")
		}
		return nil
	})

	showAs(endpoint, "text/event-stream")
	showAs(endpoint, "application/x-ndjson")
	showAs(endpoint, "application/json")
	// Output:
	// text/event-stream
	// retry: 3000
	//
	// : open
	//
	// event: count
	// data: {"n": 1}
	// id: 1
	//
	// data:  a
	// data: b
	//
	// application/x-ndjson
	// {"id":"1","event":"count","data":{"n":1}}
	// {"data":" a\nb"}
	// application/json
	// [
	// {"n":1}
	// ," a\nb"
	// ]
}

// A preset can be changed: here a gap is an event of the app's own protocol.
func ExampleDialect() {
	dialect := core.AISDK()
	dialect.Reset = func(gap *core.GapError) core.Event {
		ev, _ := core.JSONEvent("", map[string]string{"type": "data-gap", "data": string(gap.Reason)})
		return ev
	}
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{Dialects: []core.Dialect{dialect}, Retry: -1})

	showAs(gate.Handle(func(s *core.Sender) error {
		return s.SendJSON(core.Event{}, map[string]string{"type": "text-delta", "id": "1", "delta": " Hello"})
	}), "*/*")
	// Output:
	// text/event-stream
	// : open
	//
	// data: {"delta":" Hello","id":"1","type":"text-delta"}
	//
	// data: [DONE]
}

func ExampleNodeEventSource() {
	hub := core.NewHub(core.HubConfig{})
	gate := core.NewGate(hub, core.GateConfig{Dialects: []core.Dialect{core.NodeEventSource()}})
	http.Handle("GET /stocks/node", gate.Subscribe("stocks"))
	fmt.Println(core.NodeEventSource().Position == core.PositionInEvent)
	// Output: true
}

func ExampleAISDK() {
	fmt.Println(core.AISDK().Header, core.AISDK().Last)
	// Output: map[X-Vercel-Ai-Ui-Message-Stream:[v1]] [DONE]
}

func ExampleTanStackAI() {
	fmt.Println(core.TanStackAI().IDFirst, core.TanStackAI().JSONData)
	// Output: true true
}

func ExampleAGUI() {
	fmt.Println(core.AGUI().Reset(&core.GapError{Reason: core.GapTrimmed}).Data)
	// Output: {"message":"events are missing: trimmed","type":"RUN_ERROR"}
}
