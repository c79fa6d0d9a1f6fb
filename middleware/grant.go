package middleware

import (
	"errors"
	"net/http"
	"time"

	"github.com/tidings-go/tidings/core"
)

// Grant says whose a stream is, and what it may do.
type Grant struct {
	// Identity is that of the user. It must not be empty. [core.Hub.Revoke] ends
	// the streams of an identity.
	Identity string
	// Rights are the channels that the stream may have: see
	// [core.Stream.Restrict]. Default: any channel that its endpoint chooses.
	Rights *core.Rights
	// Expiry ends the stream, with a [core.ClosedEvent]. Default: never.
	Expiry time.Time
	// Keep, if set, is asked for each event, live or replayed: see
	// [core.Handshake.SetFilter].
	Keep func(core.Delivery) bool
}

// Causes of the [core.Refusal] with status 401 that [Auth] and [Tickets] return.
var (
	// ErrNoToken means that the request has no token.
	ErrNoToken = errors.New("tidings: no token")
	// ErrInvalidToken means that the token is not valid, or not any more.
	ErrInvalidToken = errors.New("tidings: invalid token")
)

// errNoIdentity is a mistake of the app's.
var errNoIdentity = errors.New("tidings: a grant without an identity")

// apply gives a stream at the gate what it is granted.
func (g Grant) apply(h *core.Handshake) error {
	switch {
	case g.Identity == "":
		return errNoIdentity
	case !g.Expiry.IsZero() && !time.Now().Before(g.Expiry):
		return unauthorized(core.ErrExpired)
	}
	if g.Rights != nil {
		if err := h.Restrict(*g.Rights); err != nil {
			return err //nolint:wrapcheck // It says what it is.
		}
	}
	if g.Keep != nil {
		h.SetFilter(g.Keep)
	}
	h.SetIdentity(g.Identity)
	if !g.Expiry.IsZero() {
		h.SetExpiry(g.Expiry)
	}
	return nil
}

// unauthorized returns the refusal of a request without a valid token. Browsers
// do not come back after it, because the same request would fail again.
func unauthorized(cause error) *core.Refusal {
	challenge := `Bearer error="invalid_token"`
	if errors.Is(cause, ErrNoToken) {
		challenge = "Bearer"
	}
	return &core.Refusal{
		Status: http.StatusUnauthorized, Message: "A valid token is needed.",
		Header: http.Header{"WWW-Authenticate": {challenge}}, Err: cause,
	}
}
