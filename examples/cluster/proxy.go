package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidings-go/tidings/core"
)

var errNoNode = errors.New("no node takes requests")

// balancer chooses a node for each request, in turn. Nodes that do not take
// connections, or say that they end, are left out. It is safe for concurrent use.
type balancer struct {
	nodes     []*member
	transport *http.Transport
	next      atomic.Uint64
}

// handler returns the proxy. It sends on what comes from a node at once. If the
// node dies, it cuts the client's connection, and the client comes back.
func (b *balancer) handler() http.Handler {
	return &httputil.ReverseProxy{
		Transport:     b,
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetXForwarded() },
		ErrorHandler:  refuse,
		ErrorLog:      log.New(io.Discard, "", 0), // a node's death is no surprise
	}
}

// RoundTrip implements [http.RoundTripper]. It asks one node after the other, up
// to the first that answers.
func (b *balancer) RoundTrip(r *http.Request) (*http.Response, error) {
	err := errNoNode
	for _, m := range b.candidates() {
		_, addr := m.now()
		if addr == "" {
			continue
		}
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host = "http", addr
		resp, problem := b.transport.RoundTrip(out)
		if problem == nil {
			return resp, nil
		}
		if r.Context().Err() != nil { // the client has left
			return nil, problem
		}
		m.suspect()
		err = problem
	}
	return nil, err
}

// candidates returns the nodes to ask, the best first. Those without their engine
// are better than none, and so are those that do not answer probes.
func (b *balancer) candidates() (nodes []*member) {
	first := int(b.next.Add(1) % uint64(len(b.nodes)))
	for _, state := range []string{up, away, silent} {
		for i := range b.nodes {
			m := b.nodes[(first+i)%len(b.nodes)]
			if l, _ := m.now(); l.State == state {
				nodes = append(nodes, m)
			}
		}
	}
	return nodes
}

// refuse answers a request that no node took. A browser's EventSource would not
// come back after another status than 200.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, context.Canceled): // the client has left
	case strings.Contains(r.Header.Get("Accept"), "text/event-stream"):
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(core.AppendComment(core.AppendRetry(nil, 500*time.Millisecond), "no node"))
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "No node takes requests. Start one.", http.StatusServiceUnavailable)
	}
}
