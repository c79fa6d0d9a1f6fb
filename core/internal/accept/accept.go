// Package accept decides whether an Accept header admits a media type.
package accept

import (
	"strconv"
	"strings"
)

// EventStream reports whether the values of a request's Accept header admit
// text/event-stream (RFC 9110, section 12.5.1). Without a value, everything is
// admitted. The most specific range that matches decides.
func EventStream(values []string) bool {
	specific, admitted, given := -1, false, false
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			element = strings.TrimSpace(element)
			if element == "" {
				continue
			}
			given = true
			media, params, _ := strings.Cut(element, ";")
			if rank := match(strings.TrimSpace(media)); rank > specific {
				specific, admitted = rank, quality(params) > 0
			} else if rank == specific && rank >= 0 {
				admitted = admitted || quality(params) > 0
			}
		}
	}
	return !given || admitted
}

// EventStreamByName reports whether the values of a request's Accept header name
// text/event-stream, as those of a browser's EventSource do.
func EventStreamByName(values []string) bool {
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			media, params, _ := strings.Cut(element, ";")
			if match(strings.TrimSpace(media)) == 2 && quality(params) > 0 {
				return true
			}
		}
	}
	return false
}

// match returns how specific a range is that matches text/event-stream, or -1
// if it does not match.
func match(media string) int {
	switch strings.ToLower(media) {
	case "text/event-stream":
		return 2
	case "text/*":
		return 1
	case "*/*", "*": // old Java clients send a single star
		return 0
	}
	return -1
}

// quality returns the weight in the parameters, or 1 if there is no valid one.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
			return q
		}
	}
	return 1
}
