package metrics_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/ginsse"
	"github.com/tidings-go/tidings/middleware/metrics"
)

// An app in Gin with a histogram of its requests, which leaves streams out.
func Example_gin() {
	hub := core.NewHub(core.HubConfig{})
	registry := prometheus.NewRegistry()
	requests := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds"}, []string{"route"})
	registry.MustRegister(metrics.New(hub, metrics.Config{}), requests)

	r := gin.New()
	r.Use(func(c *gin.Context) {
		began := time.Now()
		c.Next()
		if !strings.HasPrefix(c.Writer.Header().Get("Content-Type"), "text/event-stream") {
			requests.WithLabelValues(c.FullPath()).Observe(time.Since(began).Seconds())
		}
	})
	r.GET("/metrics", gin.WrapH(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	r.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
	r.GET("/news", ginsse.Subscribe(hub, "news"))
	r.GET("/count", ginsse.Handle(hub, func(s *core.Sender) error { return s.Send(core.Event{Data: "1"}) }))
	server := httptest.NewServer(r)

	visit(server.URL)
	report(registry)
	fmt.Println(hub.Close())
	server.Close()
	// Output:
	// requests of /hello: 1
	// streams: 2
	// <nil>
}

// The same app in Fiber.
func Example_fiber() {
	hub := core.NewHub(core.HubConfig{})
	registry := prometheus.NewRegistry()
	requests := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds"}, []string{"route"})
	registry.MustRegister(metrics.New(hub, metrics.Config{}), requests)

	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(func(c *fiber.Ctx) error {
		began := time.Now()
		err := c.Next()
		if !strings.HasPrefix(string(c.Response().Header.ContentType()), "text/event-stream") {
			requests.WithLabelValues(c.Route().Path).Observe(time.Since(began).Seconds())
		}
		return err
	})
	app.Get("/metrics", adaptor.HTTPHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	app.Get("/hello", func(c *fiber.Ctx) error { return c.SendString("hello") })
	app.Get("/news", fibersse.Subscribe(hub, "news"))
	app.Get("/count", fibersse.Handle(hub, func(s *core.Sender) error { return s.Send(core.Event{Data: "1"}) }))
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(listener) }()

	visit("http://" + listener.Addr().String())
	report(registry)
	fmt.Println(hub.Close(), app.Shutdown(), <-served)
	// Output:
	// requests of /hello: 1
	// streams: 2
	// <nil> <nil> <nil>
}

// visit asks for all that the app has.
func visit(url string) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for _, path := range []string{"/hello", "/news", "/count"} {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, http.NoBody)
		if err == nil {
			var answer *http.Response
			if answer, err = transport.RoundTrip(r); err == nil {
				_, err = answer.Body.Read(make([]byte, 1))
				_ = answer.Body.Close()
			}
		}
		if err != nil {
			fmt.Println(path, err)
		}
		cancel()
	}
}

// report prints the number of requests in the app's histogram, and of streams.
func report(registry *prometheus.Registry) {
	families, err := registry.Gather()
	if err != nil {
		fmt.Println(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			switch family.GetName() {
			case "http_request_duration_seconds":
				fmt.Printf("requests of %s: %d\n", m.GetLabel()[0].GetValue(), m.GetHistogram().GetSampleCount())
			case "tidings_streams_opened_total":
				fmt.Println("streams:", m.GetCounter().GetValue())
			}
		}
	}
}
