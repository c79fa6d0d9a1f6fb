package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/client"
)

// newQuoteServer returns a server that sends two quotes, and status 204 to a
// client that reconnects.
func newQuoteServer() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") == "2" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "retry: 1\n\n"+
			"event: quote\ndata: {\"stock\":\"IBM\",\"value\":567.29}\nid: 1\n\n"+
			"event: quote\ndata: {\"stock\":\"AAPL\",\"value\":653.01}\nid: 2\n\n")
	}))
}

func Example() {
	server := newQuoteServer()
	defer server.Close()
	c, err := client.New(client.Config{
		URL:         server.URL,
		RetryStatus: client.TemporaryStatus, // outlive restarts of the server
		IdleTimeout: 45 * time.Second,       // three heartbeats of Tidings
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for ev, err := range c.Events(context.Background()) {
		if err != nil {
			fmt.Println(err) // why there will be no more
			break
		}
		fmt.Println(ev.LastEventID, ev.Name, ev.Data)
	}
	// Output:
	// 1 quote {"stock":"IBM","value":567.29}
	// 2 quote {"stock":"AAPL","value":653.01}
}

func ExampleNew() {
	_, err := client.New(client.Config{URL: "wss://user:secret@example.com/events"})
	fmt.Println(err)
	// Output: tidings: client: URL is not one of http or https with a host
}

func ExampleClient_Run() {
	server := newQuoteServer()
	defer server.Close()
	type quote struct{ Stock string }
	c, err := client.New(client.Config{URL: server.URL, Handlers: client.Handlers{
		Open: func(http.Header) { fmt.Println("open") },
		Named: map[string]func(client.Event){
			"quote": client.Typed(func(_ client.Event, q quote, err error) { fmt.Println(q.Stock, err) }),
			// What was missed is gone.
			core.ResetEvent: func(client.Event) { fmt.Println("load everything anew") },
		},
		Reconnect: func(r client.Reconnect) { fmt.Println("again after", r.LastEventID) },
		Close:     func(reason error) { fmt.Println(reason) },
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// open
	// IBM <nil>
	// AAPL <nil>
	// again after 2
	// tidings: the server has no more content
}

// A language model's answer comes as a stream that has a terminator, and is
// asked for once.
func ExampleClient_Events_oneShot() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"delta\":\"Hello\"}\n\ndata: {\"delta\":\" you\"}\n\ndata: [DONE]\n\n")
	}))
	defer server.Close()
	c, err := client.New(client.Config{
		URL:        server.URL,
		Header:     http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer …"}},
		Body:       []byte(`{"stream":true,"prompt":"Hi"}`),
		OneShot:    true,
		Terminator: "[DONE]",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	type token struct{ Delta string }
	for t, err := range client.Decode[token](c.Events(context.Background()), "") {
		if err != nil {
			fmt.Println(err) // also if the stream broke off before its terminator
			return
		}
		fmt.Print(t.Delta)
	}
	// Output: Hello you
}

// A token that expires is set anew for every attempt, and a new one applies
// once the client connects again.
func ExampleClient_Restart() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: seen with %s\n\n", r.Header.Get("Authorization"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	token := 0
	c, err := client.New(client.Config{URL: server.URL, BeforeRequest: func(r *http.Request) error {
		token++
		r.Header.Set("Authorization", fmt.Sprint("Bearer ", token))
		return nil
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for ev, err := range c.Events(context.Background()) {
		if fmt.Println(ev.Data, err); token == 2 {
			break
		}
		c.Restart()
	}
	// Output:
	// seen with Bearer 1 <nil>
	// seen with Bearer 2 <nil>
}

// A handler may end the run.
func ExampleClient_Close() {
	server := newQuoteServer()
	defer server.Close()
	var c *client.Client
	c, err := client.New(client.Config{URL: server.URL, Handlers: client.Handlers{
		Event: func(ev client.Event) {
			fmt.Println(ev.Data)
			_ = c.Close()
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Run(context.Background()), c.LastEventID())
	// Output:
	// {"stock":"IBM","value":567.29}
	// <nil> 1
}

func ExampleClient_LastEventID() {
	server := newQuoteServer()
	defer server.Close()
	c, err := client.New(client.Config{URL: server.URL, LastEventID: "2"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Run(context.Background()), c.LastEventID())
	// Output: <nil> 2
}

func ExampleDecode() {
	server := newQuoteServer()
	defer server.Close()
	c, err := client.New(client.Config{URL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	type quote struct {
		Stock string
		Value float64
	}
	for q, err := range client.Decode[quote](c.Events(context.Background()), "quote") {
		var data *client.DataError
		if errors.As(err, &data) {
			continue // no quote, but others follow
		}
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%s %.2f\n", q.Stock, q.Value)
	}
	// Output:
	// IBM 567.29
	// AAPL 653.01
}

func ExampleTyped() {
	handler := client.Typed(func(ev client.Event, n int, err error) {
		fmt.Println(ev.LastEventID, n, err)
	})
	handler(client.Event{Event: core.Event{Name: "count", Data: "7"}, LastEventID: "1"})
	handler(client.Event{Event: core.Event{Name: "count", Data: "x"}, LastEventID: "2"})
	// Output:
	// 1 7 <nil>
	// 2 0 tidings: data of event "2", name "count": invalid character 'x' looking for beginning of value
}

func ExampleTemporaryStatus() {
	c, err := client.New(client.Config{
		URL: "https://example.com/clock",
		RetryStatus: func(status int) bool {
			return client.TemporaryStatus(status) || status == http.StatusNotFound // before it is deployed
		},
	})
	fmt.Println(c != nil, err)
	// Output: true <nil>
}
