package fibersse

import (
	"errors"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
)

// refusal returns err, or the refusal that it stands for if it is, or wraps, an
// error of [fiber.NewError].
func refusal(err error) error {
	var refused *fiber.Error
	if errors.As(err, new(*core.Refusal)) || !errors.As(err, &refused) {
		return err
	}
	message := strings.Clone(refused.Message) // it may be text of the request
	return &core.Refusal{Status: refused.Code, Message: message, Err: fiber.NewError(refused.Code, message)}
}

// refusing returns a middleware whose errors may be Fiber's.
func refusing(middleware core.Middleware) core.Middleware {
	return func(h *core.Handshake) error { return refusal(middleware(h)) }
}
