// Package accept chooses a media type by an Accept header.
package accept

import (
	"math"
	"strconv"
	"strings"
)

// Choose returns the index of the media type, among those offered, that the
// values of a request's Accept header prefer, or -1 if they admit none (RFC 9110,
// section 12.5.1). Without a value, it is the first. For each type, the most
// specific range that matches decides. Of types with the same weight, the one
// with the more specific range is chosen, and then the earlier one.
func Choose(values, offers []string) int {
	chosen, best, given := -1, preference{}, false
	for i, offer := range offers {
		var p preference
		for _, value := range values {
			for element := range strings.SplitSeq(value, ",") {
				element = strings.TrimSpace(element)
				if element == "" {
					continue
				}
				given = true
				p = p.with(element, offer)
			}
		}
		if p.weight > best.weight || p.weight > 0 && p.weight == best.weight && p.rank > best.rank {
			chosen, best = i, p
		}
	}
	if !given && len(offers) > 0 {
		return 0
	}
	return chosen
}

// preference is how much a media type is wanted. The zero value is not at all.
type preference struct {
	rank   int // how specific the range is that decides; 0 without one
	weight float64
}

// with returns the preference after one more element of the header.
func (p preference) with(element, offer string) preference {
	media, params, _ := strings.Cut(element, ";")
	rank := match(strings.TrimSpace(media), offer)
	switch {
	case rank > p.rank:
		return preference{rank, quality(params)}
	case rank == p.rank && rank > 0:
		p.weight = max(p.weight, quality(params))
	}
	return p
}

// ByName reports whether the values of a request's Accept header name a media
// type, as those of a browser's EventSource do.
func ByName(values []string, offer string) bool {
	for _, value := range values {
		for element := range strings.SplitSeq(value, ",") {
			media, params, _ := strings.Cut(element, ";")
			if match(strings.TrimSpace(media), offer) == named && quality(params) > 0 {
				return true
			}
		}
	}
	return false
}

// named is the rank of a range that is the media type itself.
const named = 3

// match returns how specific a range is that matches the media type, or 0 if it
// does not match.
func match(media, offer string) int {
	kind, _, _ := strings.Cut(offer, "/")
	switch {
	case strings.EqualFold(media, offer):
		return named
	case strings.EqualFold(media, kind+"/*"):
		return 2
	case media == "*/*", media == "*": // old Java clients send a single star
		return 1
	}
	return 0
}

// quality returns the weight in the parameters, from 0 to 1; it is 1 if there is
// no valid one.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		switch {
		case err != nil:
			return 1
		case math.IsNaN(q):
			return 0
		}
		return min(max(q, 0), 1)
	}
	return 1
}
