package client

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxSentID is the length in bytes of the longest last event ID that is sent,
// escaped if it is a query parameter: more than that, few servers take.
const maxSentID = 8 << 10

// sendable reports whether the server can be told to resume after an ID: by the
// query parameter if it has a name, and otherwise by the header.
func sendable(id, param string) bool {
	if param != "" {
		return len(id) <= maxSentID && len(url.QueryEscape(id)) <= maxSentID
	}
	return headerSafe(id)
}

// headerSafe reports whether a last event ID can be sent in a header. One that
// a server has sent may hold control characters, which HTTP forbids there, or
// nothing but blanks, which HTTP removes.
func headerSafe(id string) bool {
	return len(id) <= maxSentID && validValue(id) && strings.Trim(id, " \t") != ""
}

// checkLastEventID returns an error for an ID that no stream can have set, or
// that cannot be sent.
func (cfg Config) checkLastEventID() error {
	switch id := cfg.LastEventID; {
	case id == "":
		return nil
	case strings.ContainsAny(id, "\r\n\x00") || !utf8.ValidString(id):
		return errors.New("tidings: client: last event ID is not one that a stream can set")
	case !sendable(id, cfg.LastEventIDParam):
		return errors.New("tidings: client: last event ID cannot be sent")
	}
	return nil
}

// LastEventID returns the ID that the next attempt resumes after. It is empty if
// there is none, or if the last event ID cannot be sent. A program that ends may
// keep it for the LastEventID of the next one's [Config].
func (c *Client) LastEventID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !sendable(c.lastID, c.cfg.LastEventIDParam) {
		return ""
	}
	return c.lastID
}

// resumeAt takes note of the last event ID.
func (c *Client) resumeAt(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID = id
}

// dropID forgets a last event ID that cannot be sent, or any that the server
// has refused. It returns what it dropped.
func (c *Client) dropID(refused bool) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	dropped := c.lastID
	if !refused && sendable(dropped, c.cfg.LastEventIDParam) {
		return ""
	}
	c.lastID = ""
	return dropped
}

// idRefused reports whether the answer may be about the last event ID that the
// attempt has sent.
func (a *attempt) idRefused(err error) bool {
	var status *StatusError
	if !a.resumed || a.cfg.OneShot || !errors.As(err, &status) {
		return false
	}
	switch status.Status {
	case http.StatusBadRequest, http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return true
	}
	return false
}
