package ginsse_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/ginsse"
)

// serve starts a server, and returns its address.
func serve(t *testing.T, engine *gin.Engine) string {
	t.Helper()
	server := httptest.NewServer(engine)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// get returns the status and the body of an answer that ends by itself.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("GET %s, body: %v", url, err)
	}
	return resp.StatusCode, string(text)
}

// safeBuffer is a buffer for a logger.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestMiddleware(t *testing.T) {
	t.Parallel()
	engine := newEngine()
	gate := ginsse.New(core.NewHub(core.HubConfig{}), core.GateConfig{Retry: -1, Middleware: []core.Middleware{func(h *core.Handshake) error {
		if h.Request().URL.Query().Get("token") == "" {
			return core.Refuse(http.StatusUnauthorized, "Who are you?")
		}
		return nil
	}}})
	handled := false
	engine.GET("/plain", func(c *gin.Context) {
		c.String(http.StatusOK, "%t", ginsse.From(c) == nil)
	})
	streams := engine.Group("/", gate.Middleware())
	streams.GET("/count/:name", func(c *gin.Context) {
		handled = true
		s := ginsse.From(c)
		if err := s.Send(core.Event{Data: c.Param("name") + s.Request().PathValue("name")}); err != nil {
			t.Errorf("Send: %v", err)
		}
	})
	url := serve(t, engine)
	if status, body := get(t, url+"/plain"); status != http.StatusOK || body != "true" {
		t.Errorf("From without a middleware: got %d %q, want nil", status, body)
	}
	if status, body := get(t, url+"/count/x"); status != http.StatusUnauthorized || body != "Who are you?\n" || handled {
		t.Errorf("refused: got %d %q, handler called %t, want 401 and no call", status, body, handled)
	}
	if status, body := get(t, url+"/count/x?token=1"); status != http.StatusOK || body != ": open\n\ndata: xx\n\n" {
		t.Errorf("stream: got %d %q, want the event", status, body)
	}
}

// hiding is a writer such as compressing middleware puts in place of Gin's.
type hiding struct{ gin.ResponseWriter }

func TestWrappedWriter(t *testing.T) {
	t.Parallel()
	var log safeBuffer
	gate := ginsse.New(core.NewHub(core.HubConfig{}), core.GateConfig{Retry: -1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	engine := newEngine()
	engine.GET("/", func(c *gin.Context) { c.Writer = hiding{c.Writer} }, gate.Handle(func(s *core.Sender) error {
		return s.Send(core.Event{Data: "through"})
	}))
	if status, body := get(t, serve(t, engine)); status != http.StatusOK || body != ": open\n\ndata: through\n\n" {
		t.Errorf("stream through a wrapped writer: got %d %q, want the event", status, body)
	}
	if got := log.String(); !strings.Contains(got, "level=WARN") || !strings.Contains(got, "hiding") {
		t.Errorf("log: got %q, want a warning that names the writer", got)
	}
}

func TestLoggerSeesStatus(t *testing.T) {
	t.Parallel()
	var log safeBuffer
	engine := newEngine()
	engine.Use(gin.LoggerWithConfig(gin.LoggerConfig{
		Output:    &log,
		Formatter: func(p gin.LogFormatterParams) string { return p.Path + " " + http.StatusText(p.StatusCode) + "\n" },
	}))
	gate := ginsse.New(core.NewHub(core.HubConfig{}), core.GateConfig{})
	engine.GET("/stream", gate.Handle(func(*core.Sender) error { return nil }))
	engine.GET("/no", gate.OneShot(func(*core.Handshake) (core.Event, error) {
		return core.Event{}, core.Refuse(http.StatusForbidden, "No.")
	}))
	engine.GET("/end", gate.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{}, core.Finished() }))
	url := serve(t, engine)
	for _, path := range []string{"/stream", "/no", "/end"} {
		get(t, url+path)
	}
	if got, want := log.String(), "/stream OK\n/no Forbidden\n/end No Content\n"; got != want {
		t.Errorf("log: got %q, want %q", got, want)
	}
}

func TestSubscribeFunc(t *testing.T) {
	t.Parallel()
	hub := core.NewHub(core.HubConfig{})
	gate := ginsse.New(hub, core.GateConfig{Retry: -1, Start: core.Last(1), Lifetime: 50 * time.Millisecond})
	engine := newEngine()
	engine.GET("/:channel", gate.SubscribeFunc(func(c *gin.Context, _ *core.Handshake) (core.Subscription, error) {
		if c.Param("channel") == "secret" {
			return core.Subscription{}, core.Refuse(http.StatusForbidden, "No.")
		}
		return core.Subscription{Channels: []string{c.Param("channel")}}, nil
	}))
	for _, channel := range []string{"news", "sport"} {
		if _, err := hub.Publish(t.Context(), channel, core.Event{ID: channel + " 1", Data: "of " + channel}); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	url := serve(t, engine)
	if status, body := get(t, url+"/news"); status != http.StatusOK || !strings.HasSuffix(body, "data: of news\nid: news 1\n\n") {
		t.Errorf("channel news: got %d %q, want its event", status, body)
	}
	if status, _ := get(t, url+"/secret"); status != http.StatusForbidden {
		t.Errorf("channel secret: got %d, want 403", status)
	}
}
