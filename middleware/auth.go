package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tidings-go/tidings/core"
)

// AuthConfig configures [Auth]. Check is required.
type AuthConfig struct {
	// Check returns what a token grants, or an error if it is not valid: the
	// request is then refused with status 401, or with a [*core.Refusal] of the
	// function's own, such as a 503 while a database is away. It may block, and is
	// called concurrently. The context is the request's.
	Check func(ctx context.Context, token string) (Grant, error)
	// Cookie is the name of a cookie that may hold the token. Default: none. With
	// a cookie, use [Origin], too: pages of other origins send it as well.
	Cookie string
	// Query is the name of a parameter of the query that may hold the token, for
	// EventSource, which cannot set a header field. The parameter is removed from
	// the request: see [core.Handshake.TakeQuery]. Proxies and browsers log URLs
	// all the same; [Tickets] leave nothing there that is worth stealing. Default:
	// none.
	Query string
	// MaxToken is the maximum length of a token, in bytes; Check is not asked about
	// a longer one. Default: 8 KiB.
	MaxToken int
}

// maxCookies is the maximum length of all cookies of a request, in bytes.
const maxCookies = 32 << 10

// Auth returns a middleware that asks for a token: in the header field
// Authorization, as "Bearer TOKEN", or else in a cookie, or else in the query.
// What Check grants then holds for the stream: see [Grant]. A request without a
// token, or with one that is not valid, is refused with status 401; the cause of
// the refusal is [ErrNoToken], or wraps [ErrInvalidToken] and the error of Check.
// A token that an error's text holds is left out of it.
//
// For each request, Check is asked anew: also when a client reconnects, and when
// it changes channels. What a client may have then counts, not what it could have
// before. To end open streams whose tokens are good no more, use
// [core.Hub.Revoke] or [core.Stream.Restrict].
//
// Auth panics if Check is nil. The middleware is safe for concurrent use.
func Auth(cfg AuthConfig) core.Middleware {
	if cfg.Check == nil {
		panic("tidings: auth: no function that checks tokens")
	}
	cfg.MaxToken = cmp.Or(cfg.MaxToken, 8<<10)
	return func(h *core.Handshake) error {
		token, err := cfg.token(h)
		if err != nil {
			return err
		}
		grant, err := cfg.Check(h.Request().Context(), token)
		if err != nil {
			return scrubbed(err, token)
		}
		return grant.apply(h)
	}
}

// token returns the token of a request. It removes that of the query in any
// case.
func (c AuthConfig) token(h *core.Handshake) (string, error) {
	r := h.Request()
	var fromQuery []string
	if c.Query != "" {
		fromQuery = h.TakeQuery(c.Query)
	}
	if cookies := r.Header.Values("Cookie"); c.Cookie != "" && total(cookies) > maxCookies {
		return "", core.Refuse(http.StatusRequestHeaderFieldsTooLarge, "The cookies are too large.")
	}
	tokens := bearers(r)
	if len(tokens) == 0 && c.Cookie != "" {
		for _, cookie := range r.CookiesNamed(c.Cookie) {
			tokens = append(tokens, cookie.Value)
		}
	}
	if len(tokens) == 0 {
		tokens = fromQuery
	}
	switch {
	case len(tokens) == 0:
		return "", unauthorized(ErrNoToken)
	case len(tokens) > 1: // which of them a proxy has checked is not known
		return "", unauthorized(fmt.Errorf("%w: there are %d", ErrInvalidToken, len(tokens)))
	case tokens[0] == "", len(tokens[0]) > c.MaxToken:
		return "", unauthorized(fmt.Errorf("%w: it has %d bytes", ErrInvalidToken, len(tokens[0])))
	}
	return tokens[0], nil
}

// bearers returns the tokens in the header field Authorization.
func bearers(r *http.Request) (tokens []string) {
	for _, value := range r.Header.Values("Authorization") {
		if scheme, token, _ := strings.Cut(value, " "); strings.EqualFold(scheme, "Bearer") {
			tokens = append(tokens, strings.TrimSpace(token))
		}
	}
	return tokens
}

// total returns the length of all texts together.
func total(texts []string) int {
	n := 0
	for _, text := range texts {
		n += len(text)
	}
	return n
}

// scrubbed returns the refusal for an error of the app's, without the token in
// any text.
func scrubbed(err error, token string) *core.Refusal {
	var refusal *core.Refusal
	if !errors.As(err, &refusal) {
		return unauthorized(secretError{fmt.Errorf("%w: %w", ErrInvalidToken, err), token})
	}
	own := *refusal
	own.Message = strings.ReplaceAll(own.Message, token, "(token)")
	if own.Err != nil {
		own.Err = secretError{own.Err, token}
	}
	return &own
}

// secretError is an error whose text does not show a secret. It keeps the secret
// for no longer than the refusal lasts.
type secretError struct {
	err    error
	secret string
}

// Error returns the error's text without the secret.
func (e secretError) Error() string { return strings.ReplaceAll(e.err.Error(), e.secret, "(token)") }

// Unwrap returns the error.
func (e secretError) Unwrap() error { return e.err }
