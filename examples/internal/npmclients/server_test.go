package npmclients_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/ginsse"
)

// events is how many events are published.
const events = 200

// The protocols of chats.
const (
	aiSDK = "AI SDK"
	agUI  = "AG-UI"
)

// site is a server with what it publishes. The lists are complete, and fixed,
// once published is closed.
type site struct {
	url       string
	hub       *core.Hub
	chat      string
	published chan struct{}
	items     []item
	text      string
}

// serve serves a client's dialect until the test ends. At /events, a client that
// reads events gets a subscription, and one that reads a chat gets a handler; at
// /reset there is a subscription.
func serve(t *testing.T, framework string, c client) *site {
	t.Helper()
	s := &site{hub: core.NewHub(core.HubConfig{}), chat: c.chat, published: make(chan struct{})}
	t.Cleanup(func() { _ = s.hub.Close() })
	gate := core.NewGate(s.hub, core.GateConfig{
		Dialects: []core.Dialect{c.dialect}, Start: c.start,
		Retry: 5 * time.Millisecond, Heartbeat: 50 * time.Millisecond,
	})
	main := gate.Subscribe("x")
	if c.chat != "" {
		main = gate.Handle(s.run)
	}
	s.url = listen(t, framework, map[string]*core.Endpoint{
		"/events": main, "/events/chat/stream": main,
		"/reset": gate.Subscribe("x"), "/reset/chat/stream": gate.Subscribe("x"),
	})
	return s
}

// run sends a chat from where the client is, and ends with it.
func (s *site) run(out *core.Sender) error {
	sub := core.Subscription{Channels: []string{"x"}, After: out.LastEventID(), Start: core.Earliest()}
	for d, err := range s.hub.Subscribe(out.Context(), sub) {
		if err == nil {
			err = out.Send(d.Event)
		}
		if err != nil || d.Key == "end" {
			return err
		}
	}
	return out.Err()
}

// listen serves endpoints for GET and POST until the test ends.
func listen(t *testing.T, framework string, endpoints map[string]*core.Endpoint) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	var shutdown func(context.Context) error
	if framework == "gin" {
		gin.SetMode(gin.ReleaseMode)
		engine := gin.New()
		for path, e := range endpoints {
			engine.GET(path, ginsse.Serve(e))
			engine.POST(path, ginsse.Serve(e))
		}
		server := &http.Server{Handler: engine, ReadHeaderTimeout: time.Minute}
		go func() { served <- server.Serve(l) }()
		shutdown = server.Shutdown
	} else {
		app := fiber.New(fiber.Config{DisableStartupMessage: true})
		app.Server().MaxIdleWorkerDuration = time.Second // so that no goroutine is left for long
		for path, e := range endpoints {
			app.Get(path, fibersse.Serve(e))
			app.Post(path, fibersse.Serve(e))
		}
		go func() { served <- app.Listener(l) }()
		shutdown = app.ShutdownWithContext
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := errors.Join(shutdown(ctx), <-served); err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("shutdown: %v", err)
		}
	})
	return "http://" + l.Addr().String()
}

// publish publishes everything, little by little, so that much of it arrives
// live and the rest is replayed.
func (s *site) publish(t *testing.T) {
	t.Helper()
	defer close(s.published)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for i := range events {
		s.send(t, i)
		<-ticker.C
	}
}

// send publishes the i-th event.
func (s *site) send(t *testing.T, i int) {
	t.Helper()
	text := fmt.Sprintf("%s%d ", pieces[i%len(pieces)], i)
	var batch []core.Event
	switch s.chat {
	case "":
		batch = []core.Event{{Name: "tick", Data: text}}
		if i == events-1 {
			batch = append(batch, core.Event{Name: "end"})
		}
	case aiSDK:
		batch = chat(i, []any{
			obj{"type": "start"}, obj{"type": "text-start", "id": "m"},
		}, obj{"type": "text-delta", "id": "m", "delta": text}, []any{
			obj{"type": "text-end", "id": "m"}, obj{"type": "finish"},
		})
	case agUI:
		batch = chat(i, []any{
			obj{"type": "RUN_STARTED", "threadId": "thread", "runId": "run"},
			obj{"type": "TEXT_MESSAGE_START", "messageId": "m", "role": "assistant"},
		}, obj{"type": "TEXT_MESSAGE_CONTENT", "messageId": "m", "delta": text}, []any{
			obj{"type": "TEXT_MESSAGE_END", "messageId": "m"},
			obj{"type": "RUN_FINISHED", "threadId": "thread", "runId": "run"},
		})
	}
	for _, ev := range batch {
		id, err := s.hub.Publish(context.Background(), "x", ev)
		if err != nil {
			t.Error(err)
		}
		if ev.Name == "tick" {
			s.items = append(s.items, item{id, ev.Data})
		}
	}
	if s.chat != "" {
		s.text += text
	}
}

// pieces are what texts are made of.
var pieces = []string{
	"  leading spaces ", "two\nlines ", "👩‍🚀 ", "مرحبا ", "id: 7\n\ndata: x ", `"quoted" \ `, strings.Repeat("long ", 30), "{} ", "]\n[ ",
}

type obj = map[string]any

// chat returns the events of a message's piece, the first of which follow others,
// and the last of which others follow.
func chat(i int, first []any, piece any, last []any) (batch []core.Event) {
	var chunks []any
	if i == 0 {
		chunks = append(chunks, first...)
	}
	chunks = append(chunks, piece)
	if i == events-1 {
		chunks = append(chunks, last...)
	}
	for _, chunk := range chunks {
		ev, _ := core.JSONEvent("chunk", chunk) // of strings only
		batch = append(batch, ev)
	}
	if i == events-1 {
		batch[len(batch)-1].Key = "end"
	}
	return batch
}
