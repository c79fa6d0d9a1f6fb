package doctor

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Config configures [Examine]. Only URL is needed.
type Config struct {
	// URL is the public address of the probe, or of any event stream: http or
	// https.
	URL string
	// Token is the token of the probe's [EndpointConfig]. Default: none.
	Token string
	// Header is added to every request: a cookie or an Authorization that the
	// app's login wants, say. A field Host replaces the URL's host. Nothing
	// follows a redirect to another origin. Default: none.
	Header http.Header
	// Idle is for how long a stream is left silent, to see whether it is cut. To
	// find a timeout of 60 seconds, say 70. Default: 20 s. Negative: none is.
	Idle time.Duration
	// Watch is for how long a stream with an event each second is watched, to
	// see whether it is cut all the same. A stream without a probe is watched
	// for that long, too. Default: 20 s. Negative: 5 s without a probe, and
	// none with one.
	Watch time.Duration
	// Heartbeat is how often the app's streams send one: the Heartbeat of its
	// [core.GateConfig]. Silence that is cut sooner is an error, and a note
	// otherwise. Default: 15 s.
	Heartbeat time.Duration
	// RootCAs are the authorities that may have signed the certificate of an
	// https URL. Default: those of the system.
	RootCAs *x509.CertPool
	// Progress, if set, is called with what happens, in a line each, by one
	// goroutine at a time.
	Progress func(line string)
}

var (
	// ErrURL means that the URL is not one of http or https with a host.
	ErrURL = errors.New("tidings: doctor: not an http or https URL")
	// ErrToken means that the probe wants a token, or another one.
	ErrToken = errors.New("tidings: doctor: the probe's token is missing or wrong")
	// ErrBusy means that the probe has as many streams as it may have.
	ErrBusy = errors.New("tidings: doctor: the probe is busy")
)

// prepared returns a copy of the config with defaults, and its URL.
func (c Config) prepared() (Config, *url.URL, error) {
	u, err := url.Parse(c.URL)
	// What the parser says would quote a password.
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return c, nil, ErrURL
	}
	u.Fragment, u.RawFragment = "", ""
	c.Header = c.Header.Clone()
	if c.Idle == 0 {
		c.Idle = 20 * time.Second
	}
	if c.Watch == 0 {
		c.Watch = 20 * time.Second
	}
	if c.Heartbeat <= 0 {
		c.Heartbeat = 15 * time.Second
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c, u, nil
}
