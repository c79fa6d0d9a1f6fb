//go:build linux

package contender

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/examples/bench/internal/wire"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/ginsse"
)

// tidings returns the library's own contenders.
func tidings() []Contender {
	frontends := []struct {
		name, about string
		start       func(ln net.Listener, hub *core.Hub, gate core.GateConfig) (closer func() error)
	}{
		{"gin", "Gin", serveGin},
		{"fiber", "Fiber v2", serveFiber},
		{"http", "net/http", serveNetHTTP},
	}
	var all []Contender
	for _, f := range frontends {
		for _, m := range []core.ConnMode{core.AutoConn, core.ResponseConn} {
			name, about := "tidings-"+f.name, "Tidings in "+f.about
			if m == core.ResponseConn {
				name, about = name+"-stream", about+", response streams"
			}
			all = append(all, Contender{
				Name: name, About: about, Replays: true, Conflates: true, Leaves: true,
				Start: func(ln net.Listener, cfg Config) (Server, error) {
					hub, names := newHub(cfg), channelNames(cfg)
					s := &tidingsServer{hub: hub, names: names, keys: cfg.Keys, published: make([]int, len(names))}
					gate := core.GateConfig{Conn: m}
					if cfg.Leaves {
						left := func(core.Summary) { s.note() }
						gate.Middleware = []core.Middleware{func(h *core.Handshake) error {
							h.OnClose(left)
							return nil
						}}
					}
					s.stop = f.start(ln, hub, gate)
					return s, nil
				},
			})
		}
	}
	return all
}

// newHub returns a hub with its defaults, or whose channels conflate. History
// is always on in a hub: what a channel of the default retention holds is what
// Config.History asks for.
func newHub(cfg Config) *core.Hub {
	var c core.HubConfig
	if cfg.Keys > 0 {
		c.Channels = []core.ChannelConfig{{Pattern: "*", Slow: core.Conflate}}
	}
	return core.NewHub(c)
}

func serveGin(ln net.Listener, hub *core.Hub, gate core.GateConfig) func() error {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/events", ginsse.New(hub, gate).SubscribeFunc(func(c *gin.Context, _ *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{c.Query("stream")}}, nil
	}))
	return serveHTTP(ln, r).Close
}

func serveFiber(ln net.Listener, hub *core.Hub, gate core.GateConfig) func() error {
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/events", fibersse.New(hub, gate).SubscribeFunc(func(c *fiber.Ctx, _ *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{c.Query("stream")}}, nil
	}))
	go func() {
		// It ends with Shutdown, and has nothing to say then.
		_ = app.Listener(ln)
	}()
	return app.Shutdown
}

func serveNetHTTP(ln net.Listener, hub *core.Hub, gate core.GateConfig) func() error {
	mux := http.NewServeMux()
	mux.Handle("GET /events", core.NewGate(hub, gate).SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		return core.Subscription{Channels: []string{h.Request().URL.Query().Get("stream")}}, nil
	}))
	return serveHTTP(ln, mux).Close
}

type tidingsServer struct {
	leaves

	hub   *core.Hub
	names []string
	stop  func() error

	keys      int   // of each channel; 0: events have none
	published []int // events of each channel, with keys
}

// Publish implements [Server]. The n-th event of a channel is about key n
// modulo the number of keys.
func (s *tidingsServer) Publish(channel int, data string) error {
	ev := core.Event{Data: data}
	if s.keys > 0 {
		s.published[channel]++
		ev.Key = strconv.Itoa(s.published[channel] % s.keys)
	}
	if _, err := s.hub.Publish(context.Background(), s.names[channel], ev); err != nil {
		return fmt.Errorf("publish to %s: %w", wire.Channel(channel), err)
	}
	return nil
}

// Close implements [Server].
func (s *tidingsServer) Close() error {
	err := s.hub.Close()
	if stop := s.stop(); err == nil {
		err = stop
	}
	return err
}
