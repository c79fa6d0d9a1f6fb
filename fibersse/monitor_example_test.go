package fibersse_test

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/middleware/monitor"
)

// Without a function that decides who may see it, the monitor is for browsers on
// the same machine. The page is at /monitor/; its stream has a route of its own,
// before the page's, because Fiber's adaptor collects whole responses.
func ExampleServe_monitor() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	m := monitor.Handler(hub, nil)
	app.Get("/monitor/feed", fibersse.Serve(m.Feed()))
	app.Use("/monitor", adaptor.HTTPHandler(m))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()
	for _, path := range []string{"/monitor/", "/monitor/feed", "/monitor/channels?sort=-streams", "/monitor/close"} {
		for _, proxy := range []string{"", "203.0.113.9"} {
			req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+listener.Addr().String()+path, http.NoBody)
			if err != nil {
				fmt.Println(err)
				return
			}
			if proxy != "" {
				req.Header.Set("X-Forwarded-For", proxy)
			}
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Println(path, resp.Status, resp.Header.Get("Content-Type"))
			_ = resp.Body.Close()
		}
	}
	_ = app.Shutdown()
	<-served
	// Output:
	// /monitor/ 200 OK text/html; charset=utf-8
	// /monitor/ 403 Forbidden text/plain; charset=utf-8
	// /monitor/feed 200 OK text/event-stream
	// /monitor/feed 403 Forbidden text/plain; charset=utf-8
	// /monitor/channels?sort=-streams 200 OK application/json
	// /monitor/channels?sort=-streams 403 Forbidden text/plain; charset=utf-8
	// /monitor/close 405 Method Not Allowed text/plain; charset=utf-8
	// /monitor/close 403 Forbidden text/plain; charset=utf-8
}
