package doctor

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
)

const (
	maxRedirects = 20 // as the fetch standard has it
	maxHeader    = 64 << 10
)

var errRedirects = errors.New("tidings: doctor: too many redirects")

// newRun returns a name for a stream of the probe.
func newRun() string {
	var key [runDigits / 2]byte
	_, _ = rand.Read(key[:]) // rand.Read returns no error
	return hex.EncodeToString(key[:])
}

// transport returns a transport for one visit: it has no connection yet, so
// that each visit is alone on its own.
func (x *examination) transport() *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{RootCAs: x.cfg.RootCAs, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the doctor asks for it itself, and sees it
		MaxResponseHeaderBytes: maxHeader,
	}
}

// send sends the visit's request, as an EventSource does, and follows redirects
// within the origin. Where one leads out, it returns that answer.
func (x *examination) send(ctx context.Context, transport *http.Transport, v *visit) (*http.Response, error) {
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	target := *x.url
	if v.ask.bust {
		query := target.Query()
		query.Set(bustField, v.ask.plan.run)
		target.RawQuery = query.Encode()
	}
	for range maxRedirects {
		v.status = 0
		resp, err := client.Do(x.request(ctx, &target, v))
		if err != nil {
			return nil, fmt.Errorf("tidings: doctor: %w", err)
		}
		v.look(resp)
		next := redirect(resp, &target)
		if next == nil {
			return resp, nil
		}
		if next.Scheme != target.Scheme || !strings.EqualFold(next.Host, target.Host) {
			v.outside = clean(bare(next), 300)
			return resp, nil
		}
		_ = resp.Body.Close()
		next.User = target.User
		target = *next
	}
	return nil, errRedirects
}

// request returns a request like that of a browser's EventSource.
func (x *examination) request(ctx context.Context, target *url.URL, v *visit) *http.Request {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if addr, ok := info.Conn.LocalAddr().(*net.TCPAddr); ok {
			v.port = addr.Port
		}
	}})
	r := (&http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: http.Header{
		"Accept":          {"text/event-stream"},
		"Accept-Encoding": {"gzip, deflate, br, zstd"},
		"Cache-Control":   {"no-cache"},
		"User-Agent":      {"tidings-doctor"},
	}}).WithContext(ctx)
	if v.ask.plain {
		r.Header.Set("Accept-Encoding", "identity")
	}
	if v.ask.lastID != "" {
		r.Header.Set("Last-Event-ID", v.ask.lastID)
	}
	for name, values := range x.cfg.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	r.Header.Set(planField, v.ask.plan.String())
	if x.cfg.Token != "" {
		r.Header.Set(tokenField, x.cfg.Token)
	}
	return r
}

// look takes note of the head of an answer.
func (v *visit) look(resp *http.Response) {
	v.status, v.proto, v.secure = resp.StatusCode, clean(resp.Proto, 20), resp.TLS != nil
	v.header = resp.Header
	v.answer = resp.Header.Get(planField)
	v.encoding = strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
}

// redirect returns where an answer leads, or nil if it does not.
func redirect(resp *http.Response, from *url.URL) *url.URL {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil
	}
	next, err := from.Parse(location)
	if err != nil {
		return nil
	}
	return next
}

// bare returns a URL without what may be a secret.
func bare(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// harmless returns what an error says, without a URL's secrets.
func harmless(err error) string {
	if ue := (*url.Error)(nil); errors.As(err, &ue) {
		err = ue.Err
	}
	return strings.TrimPrefix(err.Error(), "tidings: doctor: ")
}
