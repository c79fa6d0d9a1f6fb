package secure

import (
	"errors"
	"net/http"

	"github.com/tidings-go/tidings/core"
)

// Names of the cookies: of the session, and of the streams that were opened with
// a ticket.
const (
	sessionCookie = "session"
	ticketCookie  = "ticket"
)

// errLoggedOut is the reason of streams whose user has logged out.
var errLoggedOut = errors.New("logged out")

// sessionCookie returns the name of the session's cookie. With the prefix,
// browsers take the cookie from this host only, and over TLS only.
func (a *App) sessionCookie() string {
	if a.options.Secure {
		return "__Host-" + sessionCookie
	}
	return sessionCookie
}

// Login returns the endpoint that begins a session, for a JSON object with a user
// and a password.
func (a *App) Login() *core.Endpoint {
	return a.public.Answer(func(h *core.Handshake) (any, error) {
		var ask struct {
			User     string `json:"user"`
			Password string `json:"password"`
		}
		if err := read(h, &ask); err != nil {
			return nil, err
		}
		u, ok := logIn(ask.User, ask.Password)
		if !ok {
			return nil, core.Refuse(http.StatusUnauthorized, "The name or the password is wrong.")
		}
		a.setCookie(h, a.sessionCookie(), a.sessions.begin(u), "/", int(a.options.Session.Seconds()))
		return about(u), nil
	})
}

// Logout returns the endpoint that ends the session, and with it the user's
// streams. Those of the user's other sessions come back by themselves.
func (a *App) Logout() *core.Endpoint {
	return a.session.Answer(func(h *core.Handshake) (any, error) {
		if c, err := h.Request().Cookie(a.sessionCookie()); err == nil {
			a.sessions.finish(c.Value)
		}
		a.hub.CloseIdentity(h.Identity(), errLoggedOut)
		a.setCookie(h, a.sessionCookie(), "", "/", -1)
		name := ticketCookie
		if a.options.Secure {
			name = "__Secure-" + name
		}
		a.setCookie(h, name, "", TicketPath, -1)
		return struct{}{}, nil
	})
}

// setCookie sets a cookie for so many seconds; a negative number removes it.
// Scripts cannot read it, and browsers send it for pages of this site only.
func (a *App) setCookie(h *core.Handshake, name, value, path string, seconds int) {
	c := http.Cookie{
		Name: name, Value: value, Path: path, MaxAge: seconds,
		HttpOnly: true, Secure: a.options.Secure, SameSite: http.SameSiteStrictMode,
	}
	h.Header().Add("Set-Cookie", c.String())
}

// current returns the session of a request, or a refusal.
func (a *App) current(r *http.Request) (session, error) {
	if c, err := r.Cookie(a.sessionCookie()); err == nil {
		if s, ok := a.sessions.find(c.Value); ok {
			return s, nil
		}
	}
	return session{}, core.Refuse(http.StatusUnauthorized, "Log in first.")
}

// profile is what a page is told about its user.
type profile struct {
	User     string   `json:"user"`
	Role     string   `json:"role"`
	Channels []string `json:"channels"`
	Admin    bool     `json:"admin"`
}

func about(u user) profile { return profile{u.name, u.role, u.channels, u.admin} }
