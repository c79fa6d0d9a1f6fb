package fibersse_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
)

// Fiber reuses the memory of a request's strings. These two have the same
// length, so that the second overwrites the first.
const (
	lent  = "what-alice-said"
	later = "what-mallo-said"
)

// forgetRecorder is a store that records the channels of its Forget calls.
type forgetRecorder struct {
	core.Store

	mu    sync.Mutex
	names []string
}

func (f *forgetRecorder) Forget(ctx context.Context, channel string) error {
	f.mu.Lock()
	f.names = append(f.names, channel)
	f.mu.Unlock()
	return f.Store.Forget(ctx, channel)
}

// kept returns what a use of lent strings has stored, as text.
type kept func(ctx context.Context) string

// uses are the exported functions that keep strings, by name: each is called
// with a string that Fiber lends.
func uses(hub *core.Hub, store *forgetRecorder, s *core.Stream) map[string]func(c *fiber.Ctx, text string) kept {
	history := func(ctx context.Context, channel string) string {
		found, err := hub.History(ctx, core.Subscription{Channels: []string{channel}, Start: core.Earliest()}, 10)
		if err != nil || len(found) == 0 {
			return "no history"
		}
		d := found[len(found)-1]
		return strings.Join([]string{d.Channel, d.ID, d.Key, d.Data, d.To.String()}, " ")
	}
	published := func(channel string) kept {
		return func(ctx context.Context) string { return history(ctx, channel) }
	}
	audience := func(to core.Audience) kept { return func(context.Context) string { return to.String() } }
	return map[string]func(c *fiber.Ctx, text string) kept{
		"ParseAudience": func(_ *fiber.Ctx, text string) kept {
			to, _ := core.ParseAudience(text) // it has no kind; the text is kept all the same
			return audience(to)
		},
		"ToGroup":    func(_ *fiber.Ctx, text string) kept { return audience(core.ToGroup(text)) },
		"ToStream":   func(_ *fiber.Ctx, text string) kept { return audience(core.ToStream(text)) },
		"ToIdentity": func(_ *fiber.Ctx, text string) kept { return audience(core.ToIdentity(text)) },
		"Publish": func(c *fiber.Ctx, text string) kept {
			_, _ = hub.Publish(c.Context(), text, core.Event{ID: text, Key: text, Data: text, Name: text})
			return published(lent)
		},
		"Only": func(c *fiber.Ctx, text string) kept {
			_, _ = hub.Publish(c.Context(), "to", core.Event{ID: "to " + text}, core.Only(core.ToGroup(text)))
			return published("to")
		},
		"Once": func(c *fiber.Ctx, text string) kept {
			first, _ := hub.Publish(c.Context(), "once", core.Event{}, core.Once(text))
			return func(ctx context.Context) string {
				if again, _ := hub.Publish(ctx, "once", core.Event{}, core.Once(lent)); again == first {
					return lent
				}
				return "published twice"
			}
		},
		"PublishBatch": func(c *fiber.Ctx, text string) kept {
			_, _ = hub.PublishBatch(c.Context(), core.Publication{Channel: "batch", Event: core.Event{Key: text, Data: text}})
			return published("batch")
		},
		"Forget": func(c *fiber.Ctx, text string) kept {
			_ = hub.Forget(c.Context(), text)
			return func(context.Context) string {
				store.mu.Lock()
				defer store.mu.Unlock()
				return strings.Join(store.names, " ")
			}
		},
		"Subscribe": func(_ *fiber.Ctx, text string) kept {
			events := hub.Subscribe(context.Background(), core.Subscription{Channels: []string{text}, Start: core.Earliest()})
			return func(ctx context.Context) string {
				_, _ = hub.Publish(ctx, lent, core.Event{Data: "x"})
				for d, err := range events {
					return d.Channel + errText(err)
				}
				return "no event"
			}
		},
		"Subscribe after": func(_ *fiber.Ctx, text string) kept {
			_, _ = hub.Publish(context.Background(), "after", core.Event{ID: lent})
			_, _ = hub.Publish(context.Background(), "after", core.Event{Data: lent})
			events := hub.Subscribe(context.Background(), core.Subscription{Channels: []string{"after"}, After: text})
			return func(context.Context) string {
				for d, err := range events {
					return d.Data + errText(err)
				}
				return "no event"
			}
		},
		"NewTopic": func(_ *fiber.Ctx, text string) kept {
			topic := core.NewTopic[string](hub, text, text)
			return func(ctx context.Context) string {
				_, err := topic.Publish(ctx, "x")
				return topic.Channel() + errText(err)
			}
		},
		"Gate.Subscribe": func(_ *fiber.Ctx, text string) kept {
			endpoint := core.Subscribe(hub, text)
			return func(ctx context.Context) string { return strings.Join(open(ctx, hub, endpoint).Channels(), " ") }
		},
		"SubscribeFunc": func(_ *fiber.Ctx, text string) kept {
			gate := core.NewGate(hub, core.GateConfig{Conn: core.ResponseConn})
			other := open(context.Background(), hub, gate.SubscribeFunc(func(*core.Handshake) (core.Subscription, error) {
				return core.Subscription{Channels: []string{text}, SessionKey: text}, nil
			}))
			return func(context.Context) string { return strings.Join(other.Channels(), " ") }
		},
		"Join": func(_ *fiber.Ctx, text string) kept {
			_ = s.Join(text)
			return func(context.Context) string { return strings.Join(s.Groups(), " ") }
		},
		"SetIdentity": func(_ *fiber.Ctx, text string) kept {
			s.SetIdentity(text)
			return func(context.Context) string { return s.Identity() }
		},
		"AddChannels": func(_ *fiber.Ctx, text string) kept {
			_ = s.AddChannels(text)
			return func(context.Context) string { return strings.Join(s.Channels(), " ") }
		},
		"Refuse": func(_ *fiber.Ctx, text string) kept {
			var refused *core.Stream
			gate := core.NewGate(hub, core.GateConfig{Middleware: []core.Middleware{func(h *core.Handshake) error {
				refused = h.Stream
				return core.Refuse(http.StatusForbidden, text)
			}}})
			gate.Subscribe("a").ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody))
			return func(context.Context) string { return errText(refused.Err()) }
		},
		"ChannelConfig": func(_ *fiber.Ctx, text string) kept {
			other := core.NewHub(core.HubConfig{Channels: []core.ChannelConfig{{Pattern: text, RingEvents: 1}}})
			return func(ctx context.Context) string {
				defer func() { _ = other.Close() }()
				two := []core.Publication{{Channel: lent}, {Channel: lent}}
				if _, err := other.PublishBatch(ctx, two...); errors.Is(err, core.ErrTooLarge) {
					return lent
				}
				return "another pattern"
			}
		},
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// open opens a stream of an endpoint, which stays open until ctx ends.
func open(ctx context.Context, hub *core.Hub, endpoint *core.Endpoint) *core.Stream {
	r := httptest.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, "/", http.NoBody)
	go endpoint.ServeHTTP(httptest.NewRecorder(), r)
	for {
		for _, s := range hub.AllStreams() {
			if len(s.Channels()) == 1 && s.Info().Position != "" && s.Value(openedKey{}) == nil {
				s.SetValue(openedKey{}, true)
				return s
			}
		}
		runtime.Gosched()
	}
}

// openedKey marks a stream that open has returned.
type openedKey struct{}

// Nothing that an exported function stores changes with Fiber's next request.
func TestLentStrings(t *testing.T) {
	t.Parallel()
	store := &forgetRecorder{Store: core.NewMemoryStore(core.Retention{})}
	hub := core.NewHub(core.HubConfig{Store: store})
	defer func() { _ = hub.Close() }()
	s := open(t.Context(), hub, core.Subscribe(hub, "base"))
	table := uses(hub, store, s)
	keeps := make(map[string]kept)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", func(c *fiber.Ctx) error {
		name, text := c.Get("X-Use"), c.Query("text") // which writes it to where the one before was
		if keeps[name] == nil {
			keeps[strings.Clone(name)] = table[name](c, text)
		}
		return nil
	})
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Listener(ln) }()
	defer func() { _ = app.Shutdown(); <-served }()
	for name := range table {
		c, err := net.Dial("tcp4", ln.Addr().String())
		if err != nil {
			t.Fatalf("dial: %v", err)
		}
		in := bufio.NewReader(c)
		for _, text := range []string{lent, later} { // on one connection, in the same memory
			_, _ = io.WriteString(c, "GET /?text="+text+" HTTP/1.1\r\nHost: a.example\r\nX-Use: "+name+"\r\n\r\n")
			resp, err := http.ReadResponse(in, nil) //nolint:bodyclose // It has none.
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: got %v and %v, want 200", name, resp, err)
			}
		}
		_ = c.Close()
		got := keeps[name](t.Context())
		if !strings.Contains(got, lent) || strings.Contains(got, later) {
			t.Errorf("%s: got %q, want %q kept", name, got, lent)
		}
	}
}
