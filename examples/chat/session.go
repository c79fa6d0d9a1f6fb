package chat

import (
	"crypto/rand"
	"net/http"
	"strings"
)

const cookieName = "chat-session"

// Session returns the session in a request's Cookie header, or nothing.
func Session(cookies string) string {
	r := http.Request{Header: http.Header{"Cookie": {cookies}}}
	c, err := r.Cookie(cookieName)
	if err != nil || len(c.Value) != len(rand.Text()) || strings.Trim(c.Value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
		return "" // not one of ours
	}
	return strings.Clone(c.Value)
}

// SetCookie returns what a response's Set-Cookie header must say, given the
// request's Cookie header. It returns nothing for a client that has a session.
func SetCookie(cookies string) string {
	if Session(cookies) != "" {
		return ""
	}
	_, cookie := newSession()
	return cookie
}

// newSession makes a session, and the cookie that tells the client. Scripts in a
// page cannot read it, and pages of other sites cannot have it sent. Serve HTTPS
// and add Secure where it matters.
func newSession() (session, cookie string) {
	session = rand.Text()
	c := http.Cookie{
		Name: cookieName, Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	return session, c.String()
}
