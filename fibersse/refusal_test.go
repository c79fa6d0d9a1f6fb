package fibersse_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/fibersse"
)

// An error of Fiber's refuses a request wherever a function may refuse one.
func TestFiberErrors(t *testing.T) {
	t.Parallel()
	teapot := fmt.Errorf("kitchen: %w", fiber.NewError(fiber.StatusTeapot, "Short and stout."))
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()
	open := fibersse.New(hub, core.GateConfig{})
	shut := fibersse.New(hub, core.GateConfig{Middleware: []core.Middleware{func(*core.Handshake) error { return teapot }}})
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/middleware", shut.Subscribe("a"))
	app.Get("/choose", open.SubscribeFunc(func(*fiber.Ctx, *core.Handshake) (core.Subscription, error) { return core.Subscription{}, teapot }))
	app.Get("/once", open.OneShot(func(*core.Handshake) (core.Event, error) { return core.Event{}, teapot }))
	app.Get("/refusal", open.OneShot(func(*core.Handshake) (core.Event, error) {
		return core.Event{}, &core.Refusal{Status: http.StatusConflict, Message: "Mine.", Err: teapot}
	}))
	app.Post("/change", shut.ChangeChannels(func(*core.Stream, []string) error { return nil }))
	for _, test := range []struct {
		method, path string
		status       int
		body         string
	}{
		{http.MethodGet, "/middleware", fiber.StatusTeapot, "Short and stout.\n"},
		{http.MethodGet, "/choose", fiber.StatusTeapot, "Short and stout.\n"},
		{http.MethodGet, "/once", fiber.StatusTeapot, "Short and stout.\n"},
		{http.MethodGet, "/refusal", http.StatusConflict, "Mine.\n"},
		{http.MethodPost, "/change", fiber.StatusTeapot, "Short and stout.\n"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		resp, err := app.Test(r)
		if err != nil {
			t.Fatalf("%s: %v", test.path, err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != test.status || string(body) != test.body {
			t.Errorf("%s: got %s and %q, want %d and %q", test.path, resp.Status, body, test.status, test.body)
		}
	}
}
