package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	maxExcerpt = 1 << 10
	// What is left of an answer is read up to this size and for this long, so
	// that its connection can be used again.
	maxDrain  = 8 << 10
	drainTime = 200 * time.Millisecond
)

// attempt is one request, and the stream that it may open.
type attempt struct {
	*Client

	consume func(Event) bool
	left    bool // the consumer wants no more

	watch    watch
	resumed  bool          // a last event ID was sent
	opened   time.Time     // zero if no stream was
	events   int           // that were passed on
	retry    time.Duration // what this stream has asked for
	retrySet bool
}

// healthy reports whether the attempt, which ended with err, counts as healthy.
func (a *attempt) healthy(err error) bool {
	if a.opened.IsZero() {
		return false
	}
	open := time.Since(a.opened)
	polled := err == io.EOF && a.retrySet && a.events > 0 && //nolint:errorlint // Wrapped, it is a reader's failure.
		a.retry >= a.cfg.Backoff.MinServerDelay-open
	return polled || open >= a.cfg.Backoff.Healthy
}

// do connects, reads the stream to its end, and returns why that came; never
// nil, unless the consumer has left.
func (a *attempt) do(ctx context.Context) error {
	ctx, cancel := a.phase(ctx, true)
	defer cancel(nil)
	a.watch = newWatch(func() { cancel(ErrIdle) })
	defer a.watch.stop()
	r, err := a.request(ctx)
	if err != nil {
		return a.why(ctx, err)
	}
	a.watch.start(a.headLimit())
	resp, err := a.cfg.HTTPClient.Do(r) //nolint:bodyclose // The function that closing returns does it.
	a.watch.stop()
	if err != nil {
		return a.why(ctx, err)
	}
	defer closing(ctx, cancel, resp)()
	if err := a.check(resp); err != nil {
		return err
	}
	return a.read(ctx, resp)
}

// why returns why the attempt failed, if err is what that looks like.
func (a *attempt) why(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return a.failed(err)
	case errors.Is(cause, ErrIdle):
		return a.failed(ErrIdle)
	default:
		return cause
	}
}

// headLimit returns how long the head of the answer may take, 0 for no limit.
func (a *attempt) headLimit() time.Duration {
	if a.headTimeout > 0 && a.cfg.IdleTimeout > 0 {
		return min(a.headTimeout, a.cfg.IdleTimeout)
	}
	return max(a.headTimeout, a.cfg.IdleTimeout)
}

// request returns the request, whose body its sender closes.
func (a *attempt) request(ctx context.Context) (r *http.Request, err error) {
	u := *a.url
	id := a.LastEventID()
	a.resumed = id != ""
	if id != "" && a.cfg.LastEventIDParam != "" {
		setQuery(&u, a.cfg.LastEventIDParam, id)
	}
	if r, err = http.NewRequestWithContext(ctx, a.cfg.Method, u.String(), http.NoBody); err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Cache-Control", "no-cache") // section 9.2.2: its cache mode is no-store
	for name, values := range a.cfg.Header {
		r.Header[http.CanonicalHeaderKey(name)] = append([]string(nil), values...)
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	if headerSafe(id) {
		r.Header.Set("Last-Event-ID", id)
	}
	if err := a.setBody(r); err != nil {
		return nil, err
	}
	if a.cfg.BeforeRequest == nil {
		return r, nil
	}
	sent := r.Body
	defer func() {
		if sent != nil { // refused, or the hook has panicked
			_ = sent.Close()
		}
	}()
	if err := a.cfg.BeforeRequest(r); err != nil {
		return nil, err
	}
	sent = nil
	return r, nil
}

// setBody gives the request its body, anew for each attempt and redirect.
func (a *attempt) setBody(r *http.Request) (err error) {
	r.GetBody = a.cfg.GetBody
	if a.cfg.Body != nil {
		r.ContentLength = int64(len(a.cfg.Body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a.cfg.Body)), nil }
	}
	if r.GetBody == nil {
		return nil
	}
	if a.cfg.Body == nil {
		r.ContentLength = -1
	}
	r.Body, err = r.GetBody()
	return err
}

// closing returns a function that ends the request and closes the body of its
// response. That is closed as soon as ctx ends, for transports which do not see
// to it.
func closing(ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response) func() {
	closeBody := sync.OnceFunc(func() { _ = resp.Body.Close() })
	stop := func() bool { return true }
	if !resp.Uncompressed { // net/http has, which does, and had a race there once
		stop = context.AfterFunc(ctx, closeBody)
	}
	return func() {
		stop()
		// Closing waits for the write that resets a stream of HTTP/2, unless its
		// request has been cancelled.
		cancel(nil)
		closeBody()
	}
}

// check returns an error unless the answer is an event stream (section 9.2.3).
func (a *attempt) check(resp *http.Response) error {
	if resp.StatusCode == http.StatusNoContent {
		return ErrNoContent
	}
	if resp.StatusCode != http.StatusOK {
		return &StatusError{
			Status:     resp.StatusCode,
			RetryAfter: retryAfter(resp.Header.Get("Retry-After")),
			Header:     resp.Header,
			Excerpt:    strings.ToValidUTF8(string(a.drain(resp.Body)), "\uFFFD"),
		}
	}
	contentType, encoding := resp.Header.Get("Content-Type"), resp.Header.Get("Content-Encoding")
	if strings.EqualFold(encoding, "identity") {
		encoding = ""
	}
	if !isEventStream(contentType) || encoding != "" {
		a.drain(resp.Body)
		return &ContentTypeError{ContentType: contentType, ContentEncoding: encoding}
	}
	return nil
}

// isEventStream looks at the type only: parameters do not matter, even those
// that are none, and the charset is always UTF-8 (section 9.2.5).
func isEventStream(contentType string) bool {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType, _, _ = strings.Cut(contentType, ";")
		mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	}
	return mediaType == "text/event-stream"
}

// drain reads what is left of a body, if that is little, and returns how it
// begins.
func (a *attempt) drain(body io.Reader) []byte {
	a.watch.start(drainTime)
	defer a.watch.stop()
	excerpt, err := io.ReadAll(io.LimitReader(body, maxExcerpt))
	if err == nil {
		_, _ = io.CopyN(io.Discard, body, maxDrain-maxExcerpt)
	}
	return excerpt
}
