package client_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
)

// transportOf returns the transport of a client that serve has returned.
func transportOf(hc *http.Client) *http.Transport {
	t, ok := hc.Transport.(*http.Transport)
	if !ok {
		panic("not a transport of serve's")
	}
	return t
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// counted returns a dialer that counts.
func counted(dial dialer, n *int) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		*n++
		return dial(ctx, network, address)
	}
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
	return f(r)
}

func response(status int, body string, header ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}
