package core_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
)

// show serves an endpoint and prints what a client of it gets until the stream
// ends.
func show(endpoint http.Handler, lastEventID string) {
	server := httptest.NewServer(endpoint)
	defer server.Close()
	r, _ := http.NewRequest(http.MethodGet, server.URL, http.NoBody)
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := server.Client().Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close() //nolint:errcheck // Nothing is lost.
	body, _ := io.ReadAll(response.Body)
	// The gate sends the reconnection time and a comment before the first event.
	_, events, _ := strings.Cut(string(body), ": open\n\n")
	if events == "" {
		events = string(body)
	}
	fmt.Print(response.Status, "\n", events)
}

func ExampleHandle() {
	mux := http.NewServeMux()
	mux.Handle("GET /", core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
		for i := range 2 {
			if err := s.Send(core.Event{Name: "count", Data: strconv.Itoa(i)}); err != nil {
				return err
			}
		}
		return nil
	}))

	show(mux, "")
	// Output:
	// 200 OK
	// event: count
	// data: 0
	//
	// event: count
	// data: 1
}

func ExampleGate_Handle() {
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{
		Heartbeat: 30 * time.Second,
		Middleware: []core.Middleware{func(h *core.Handshake) error {
			// The client has all events: the answer makes a browser stop reconnecting.
			if h.LastEventID() == "end" {
				return core.Finished()
			}
			return nil
		}},
	})
	answer := gate.Handle(func(s *core.Sender) error {
		return s.Send(core.Event{ID: "end", Data: "That is all."})
	})

	show(answer, "")
	show(answer, "end")
	// Output:
	// 200 OK
	// data: That is all.
	// id: end
	//
	// 204 No Content
}

func ExampleGate_OneShot() {
	gate := core.NewGate(core.NewHub(core.HubConfig{}), core.GateConfig{})
	show(gate.OneShot(func(*core.Handshake) (core.Event, error) {
		return core.Event{Data: "21.5 °C", Retry: time.Minute}, nil
	}), "")
	// Output:
	// 200 OK
	// retry: 60000
	// data: 21.5 °C
}

func ExampleSender_Forward() {
	show(core.Handle(core.NewHub(core.HubConfig{}), func(s *core.Sender) error {
		words := make(chan core.Event)
		go func() {
			defer close(words)
			for _, word := range []string{"Hello,", "world."} {
				select {
				case words <- core.Event{Data: word}:
				case <-s.Done():
					return
				}
			}
		}()
		return s.Forward(words)
	}), "")
	// Output:
	// 200 OK
	// data: Hello,
	//
	// data: world.
}

// primes is a [core.Controller] that sends one prime number with each call, and
// ends the stream after the last.
type primes []int

func (p primes) Events(_ *core.Sender, lastEventID string) ([]core.Event, time.Duration, error) {
	for _, n := range p {
		if last, _ := strconv.Atoi(lastEventID); n > last {
			id := strconv.Itoa(n)
			return []core.Event{{ID: id, Data: id + " is prime"}}, time.Millisecond, nil
		}
	}
	return nil, 0, io.EOF
}

func ExampleControl() {
	// The client has seen 3 already.
	show(core.Handle(core.NewHub(core.HubConfig{}), core.Control(primes{2, 3, 5, 7})), "3")
	// Output:
	// 200 OK
	// data: 5 is prime
	// id: 5
	//
	// data: 7 is prime
	// id: 7
}
