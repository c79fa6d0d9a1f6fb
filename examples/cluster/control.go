package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/browser"
)

// stateChannel is the channel of the cluster's state.
const stateChannel = "state"

//go:embed static
var static embed.FS

// routes returns what the program serves: the page, the nodes' streams, and what
// the page's buttons need. Pages of other origins cannot press them.
func (c *cluster) routes(ctx context.Context) http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // it is embedded
	}
	gate := core.NewGate(c.hub, core.GateConfig{Retry: time.Second})
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.Handle("GET /tidings.js", browser.Handler())
	mux.Handle("GET /events", c.proxy.handler())
	mux.Handle("GET /cluster/events", gate.Subscribe(stateChannel))
	mux.HandleFunc("GET /cluster/state", func(w http.ResponseWriter, r *http.Request) {
		load := func(context.Context) (state, error) { return c.state(), nil }
		s, _ := core.LoadState(r.Context(), c.hub, load) // load returns no error
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(s) // the client may be gone
	})
	mux.HandleFunc("POST /cluster/rolling", func(w http.ResponseWriter, _ *http.Request) {
		c.answer(w, c.roll(ctx))
	})
	mux.HandleFunc("POST /cluster/{member}/{action}", func(w http.ResponseWriter, r *http.Request) {
		act := c.action(r.PathValue("member"), r.PathValue("action"))
		if act == nil {
			http.NotFound(w, r)
			return
		}
		c.answer(w, act())
	})
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		guarded.ServeHTTP(w, r)
	})
}

// action returns what a button does, or nil if there is no such button.
func (c *cluster) action(name, action string) func() error {
	for _, m := range c.members() {
		switch {
		case m.look.Name != name:
		case action == "kill":
			return m.kill
		case action == "start":
			return m.start
		}
	}
	return nil
}

// answer answers the request of a button.
func (c *cluster) answer(w http.ResponseWriter, err error) {
	c.tell()
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errRuns), errors.Is(err, errDown), errors.Is(err, errElse), errors.Is(err, errRolling), errors.Is(err, errEnding):
		http.Error(w, err.Error(), http.StatusConflict)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
