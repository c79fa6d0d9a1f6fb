// Package accept decides whether an Accept header admits a media type.
package accept

import (
	"strconv"
	"strings"
)

// EventStream reports whether the values of a request's Accept header admit
// text/event-stream (RFC 9110, section 12.5.1). No value at all admits
// everything. Of the ranges that match, the most specific one decides.
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

// match returns how specific the range is that admits text/event-stream, or -1
// if it does not.
func match(media string) int {
	switch strings.ToLower(media) {
	case "text/event-stream":
		return 2
	case "text/*":
		return 1
	case "*/*", "*": // a lone star comes from old clients of Java
		return 0
	}
	return -1
}

// quality returns the weight among the parameters: 1 if there is none that can
// be read.
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
