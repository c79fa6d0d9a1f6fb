package core

import (
	"net/http"
	"net/url"
	"strings"
)

// TakeQuery removes a parameter from the query of the request's URL, and returns
// its values: a token, say, that must not show up in logs, traces or errors of
// code that gets the request later. Other holders of the same [http.Request]
// see the new URL, too; a framework's logger may have kept the old one. Parts of
// the query that are malformed are removed with it. The method does nothing if
// the parameter is not there.
func (h *Handshake) TakeQuery(name string) (values []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.request
	for key, value := range queryPairs(r.URL.RawQuery) {
		if key == name {
			values = append(values, value)
		}
	}
	if values == nil && !strings.Contains(r.URL.RawQuery, name) {
		return nil
	}
	var kept []string
	for piece := range strings.SplitSeq(r.URL.RawQuery, "&") {
		if key, _, ok := queryPair(piece); ok && key != name {
			kept = append(kept, piece)
		}
	}
	target := *r.URL
	target.RawQuery = strings.Join(kept, "&")
	r.URL = &target
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if r.RequestURI = path; target.RawQuery != "" {
		r.RequestURI += "?" + target.RawQuery
	}
	r.Form.Del(name)
	return values
}

// lastEventID returns the ID of the last event that the client has seen: from
// the header (section 9.2.4), or else from the query parameter lastEventId, in
// any letter case.
func lastEventID(r *http.Request) (string, error) {
	id := r.Header.Get("Last-Event-ID")
	if id == "" {
		for name, value := range queryPairs(r.URL.RawQuery) {
			if value != "" && strings.EqualFold(name, "lastEventId") {
				id = value
				break
			}
		}
	}
	if err := CheckID(id); err != nil {
		return "", &Refusal{
			Status:  http.StatusBadRequest,
			Message: "The last event ID is too long, or holds what no event ID can hold.",
			Err:     err,
		}
	}
	return strings.Clone(id), nil
}

// queryPairs yields the parameters of a query that [url.ParseQuery] would
// return, in order. It needs no memory for those of a query with very many.
func queryPairs(raw string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for raw != "" {
			var piece string
			piece, raw, _ = strings.Cut(raw, "&")
			if name, value, ok := queryPair(piece); ok && !yield(name, value) {
				return
			}
		}
	}
}

// queryPair decodes one parameter of a query.
func queryPair(piece string) (name, value string, ok bool) {
	if piece == "" || strings.Contains(piece, ";") {
		return "", "", false
	}
	name, value, _ = strings.Cut(piece, "=")
	name, err := url.QueryUnescape(name)
	if err != nil {
		return "", "", false
	}
	value, err = url.QueryUnescape(value)
	return name, value, err == nil
}
