package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tidings-go/tidings/core"
)

// ErrCrossOrigin is the cause of the [core.Refusal] with status 403 that [Origin]
// returns.
var ErrCrossOrigin = errors.New("tidings: request from another origin")

// Origin returns a middleware that refuses what browsers send for pages of other
// origins, except those that are allowed, such as "https://app.example.com".
// Without it, any page can open streams, and change channels, with the cookies of
// the user who looks at it. Requests that no browser sends for a page pass.
//
// It judges as [http.CrossOriginProtection] does, by Sec-Fetch-Site, or else by
// Origin and Host, and requests with all methods: a stream is read with GET. An
// allowed origin may read the stream with credentials: the middleware sets
// Access-Control-Allow-Origin for it, and Access-Control-Allow-Credentials.
// Preflight requests are up to the framework's middleware for CORS; that one must
// not allow every origin.
//
// Origin panics if an origin is not a scheme and a host, maybe with a port.
func Origin(allowed ...string) core.Middleware {
	own := make([]string, len(allowed))
	protection := http.NewCrossOriginProtection()
	for i, origin := range allowed {
		own[i] = strings.Clone(origin)
		if err := protection.AddTrustedOrigin(own[i]); err != nil {
			panic(fmt.Sprintf("tidings: origin: %v", err))
		}
	}
	return func(h *core.Handshake) error {
		r := h.Request()
		h.Header().Add("Vary", "Origin")
		origins := r.Header.Values("Origin")
		asked := http.Request{Method: http.MethodPost, URL: r.URL, Host: r.Host, Header: r.Header} // GET would pass
		if err := protection.Check(&asked); err != nil || len(origins) > 1 {
			return &core.Refusal{
				Status: http.StatusForbidden, Message: "Requests of this origin are not allowed.", Err: ErrCrossOrigin,
			}
		}
		if len(origins) == 1 && slices.Contains(own, origins[0]) {
			h.Header().Set("Access-Control-Allow-Origin", origins[0])
			h.Header().Set("Access-Control-Allow-Credentials", "true")
		}
		return nil
	}
}
