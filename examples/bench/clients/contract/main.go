// Command contract lets the contract tests for clients of server-sent events
// (github.com/launchdarkly/sse-contract-tests) drive Tidings' client:
//
//	go run ./clients/contract -addr localhost:8111 &
//	sse-contract-tests --url http://localhost:8111
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core/client"
)

func main() {
	addr := flag.String("addr", "localhost:8111", "`address` to listen on")
	flag.Parse()
	server := &http.Server{Addr: *addr, Handler: newService(), ReadHeaderTimeout: time.Minute}
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
}

// service runs the clients that the tests ask for.
type service struct {
	mu      sync.Mutex
	last    int
	clients map[string]*client.Client
}

func newService() http.Handler {
	s := &service{clients: make(map[string]*client.Client)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.about)
	mux.HandleFunc("POST /{$}", s.create)
	mux.HandleFunc("DELETE /{$}", func(http.ResponseWriter, *http.Request) { os.Exit(0) })
	mux.HandleFunc("POST /clients/{id}", s.command)
	mux.HandleFunc("DELETE /clients/{id}", s.end)
	return mux
}

// about tells what is to be tested: all but listening to events by name first,
// which this client does not need.
func (s *service) about(w http.ResponseWriter, _ *http.Request) {
	_ = json.NewEncoder(w).Encode(map[string][]string{"capabilities": {
		"bom", "comments", "headers", "last-event-id", "post", "read-timeout", "report", "restart",
		"server-directed-shutdown-request",
	}})
}

// task is what a test asks for.
type task struct {
	CallbackURL    string            `json:"callbackUrl"`
	StreamURL      string            `json:"streamUrl"`
	InitialDelayMS *int              `json:"initialDelayMs"`
	ReadTimeoutMS  int               `json:"readTimeoutMs"`
	LastEventID    string            `json:"lastEventId"`
	Method         string            `json:"method"`
	Body           string            `json:"body"`
	Headers        map[string]string `json:"headers"`
}

func (s *service) create(w http.ResponseWriter, r *http.Request) {
	var t task
	if err := json.NewDecoder(r.Body).Decode(&t); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	cfg := client.Config{
		URL: t.StreamURL, Method: t.Method, Header: make(http.Header), LastEventID: t.LastEventID,
		IdleTimeout: time.Duration(t.ReadTimeoutMS) * time.Millisecond,
		Handlers:    (&reporter{url: t.CallbackURL}).handlers(),
	}
	if t.Body != "" {
		cfg.Body = []byte(t.Body)
	}
	for name, value := range t.Headers {
		cfg.Header.Set(name, value)
	}
	if ms := t.InitialDelayMS; ms != nil {
		cfg.Backoff.Delay = time.Duration(*ms) * time.Millisecond
		if *ms == 0 {
			cfg.Backoff.Delay = -1
		}
	}
	c, err := client.New(cfg)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.last++
	id := strconv.Itoa(s.last)
	s.clients[id] = c
	s.mu.Unlock()
	go func() { _ = c.Run(context.Background()) }() // what it returns, Close was told
	w.Header().Set("Location", "/clients/"+id)
	w.WriteHeader(http.StatusCreated)
}

func (s *service) find(r *http.Request) (*client.Client, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.clients[r.PathValue("id")]
	return c, ok
}

func (s *service) command(w http.ResponseWriter, r *http.Request) {
	var command struct {
		Command string `json:"command"`
	}
	err := json.NewDecoder(r.Body).Decode(&command)
	c, ok := s.find(r)
	switch {
	case !ok:
		http.NotFound(w, r)
	case err != nil || command.Command != "restart":
		http.Error(w, "no such command", http.StatusBadRequest)
	default:
		c.Restart()
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *service) end(w http.ResponseWriter, r *http.Request) {
	c, ok := s.find(r)
	if !ok {
		http.NotFound(w, r)
		return
	}
	_ = c.Close()
	w.WriteHeader(http.StatusNoContent)
}

// reporter tells a test what its client sees, one message after the other.
type reporter struct {
	url    string
	number int
}

// message is what the tests understand.
type message struct {
	Kind    string  `json:"kind"`
	Event   *object `json:"event,omitempty"`
	Comment string  `json:"comment,omitempty"`
	Error   string  `json:"error,omitempty"`
}

// object is an event.
type object struct {
	Type string `json:"type"`
	Data string `json:"data"`
	ID   string `json:"id"`
}

func (p *reporter) handlers() client.Handlers {
	return client.Handlers{
		Event: func(ev client.Event) {
			p.tell(message{Kind: "event", Event: &object{ev.Name, ev.Data, ev.LastEventID}})
		},
		Comment: func(text string) { p.tell(message{Kind: "comment", Comment: text}) },
		Error: func(err error) error {
			p.tell(message{Kind: "error", Error: err.Error()})
			return nil
		},
	}
}

func (p *reporter) tell(m message) {
	p.number++
	if err := p.post(m); err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
	}
}

func (p *reporter) post(m message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	resp, err := http.Post(p.url+"/"+strconv.Itoa(p.number), "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err = resp.Body.Close(); err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = errors.New("report: " + resp.Status)
	}
	return err //nolint:wrapcheck // It is not worth more.
}
