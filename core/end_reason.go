package core

import (
	"errors"
	"net/http"
)

// EndReason returns a short name for why a stream ended or was refused, for
// labels of metrics and fields of logs. err is the Reason of a [Summary], or the
// result of [Stream.Err]. There is a fixed number of names, whatever clients,
// middleware and handlers do:
//
//   - of any stream: "closed", "client_gone", "write_timeout", "slow",
//     "draining", "expired", "lifetime", "hub_closed", "panic", "store", and
//     "error" for all other errors
//   - of a refusal, by its status: "finished" (204), "bad_request" (400),
//     "unauthorized" (401), "forbidden" (403), "not_found" (404),
//     "not_acceptable" (406), "body_timeout" (408), "too_large" (413),
//     "rate_limited" (429), "not_implemented" (501), "unavailable" (503), and
//     otherwise "redirect" (300 to 399), "client_error" (400 to 499) and "error";
//     but "draining", "hub_closed", "panic" or "store" where that is its cause
//   - "changed" of a request that changed channels: see [ErrChanged]
//
// For nil, it returns the empty string.
func EndReason(err error) string {
	if err == nil {
		return ""
	}
	type cause struct {
		err  error
		name string
	}
	for _, c := range [...]cause{
		{ErrPanic, "panic"}, {ErrStore, "store"}, {ErrDraining, "draining"}, {ErrHubClosed, "hub_closed"},
	} {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	var r *Refusal
	if errors.As(err, &r) && r != nil {
		return refusalReason(r.Status)
	}
	for _, c := range [...]cause{
		{ErrClientGone, "client_gone"},
		{ErrWriteTimeout, "write_timeout"},
		{ErrSlow, "slow"},
		{ErrExpired, "expired"},
		{ErrLifetime, "lifetime"},
		{ErrChanged, "changed"},
		{ErrClosed, "closed"},
	} {
		if errors.Is(err, c.err) {
			return c.name
		}
	}
	return "error"
}

// refusalReason returns the name for a refusal with a status.
func refusalReason(status int) string {
	switch status {
	case http.StatusNoContent:
		return "finished"
	case http.StatusBadRequest:
		return "bad_request"
	case http.StatusUnauthorized:
		return "unauthorized"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusNotAcceptable:
		return "not_acceptable"
	case http.StatusRequestTimeout:
		return "body_timeout"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusTooManyRequests:
		return "rate_limited"
	case http.StatusNotImplemented:
		return "not_implemented"
	case http.StatusServiceUnavailable:
		return "unavailable"
	}
	switch {
	case status >= 300 && status < 400:
		return "redirect"
	case status >= 400 && status < 500:
		return "client_error"
	}
	return "error"
}
