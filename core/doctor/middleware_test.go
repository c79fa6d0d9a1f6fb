package doctor_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// zipped compresses all answers, and flushes with them.
func zipped(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z := &zipWriter{ResponseWriter: w, to: gzip.NewWriter(w)}
		defer func() { _ = z.to.Close() }()
		next.ServeHTTP(z, r)
	})
}

type zipWriter struct {
	http.ResponseWriter
	to *gzip.Writer
}

func (z *zipWriter) WriteHeader(status int) {
	z.Header().Set("Content-Encoding", "gzip")
	z.ResponseWriter.WriteHeader(status)
}

func (z *zipWriter) Write(p []byte) (int, error) { return z.to.Write(p) }

func (z *zipWriter) Flush() {
	_ = z.to.Flush()
	_ = http.NewResponseController(z.ResponseWriter).Flush()
}

func (z *zipWriter) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(z.ResponseWriter).SetReadDeadline(t)
}

func (z *zipWriter) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(z.ResponseWriter).SetWriteDeadline(t)
}

// unflushed hides what a response can do besides being written, as a wrapper
// does that was made to count bytes, say.
func unflushed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	})
}

// tagged collects a whole answer to compute its ETag.
func tagged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &collector{ResponseWriter: w}
		next.ServeHTTP(c, r)
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, c.body.Len()))
		w.WriteHeader(c.status)
		_, _ = w.Write(c.body.Bytes())
	})
}

type collector struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *collector) WriteHeader(status int)           { c.status = status }
func (c *collector) Write(p []byte) (int, error)      { return c.body.Write(p) }
func (c *collector) Flush()                           {}
func (c *collector) SetReadDeadline(time.Time) error  { return nil }
func (c *collector) SetWriteDeadline(time.Time) error { return nil }

// hurried ends every answer after two seconds.
func hurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		// It is no connection to be taken over: the stream ends with the context.
		next.ServeHTTP(&flushed{w}, r.WithContext(ctx))
	})
}

type flushed struct{ w http.ResponseWriter }

func (f *flushed) Header() http.Header         { return f.w.Header() }
func (f *flushed) WriteHeader(status int)      { f.w.WriteHeader(status) }
func (f *flushed) Write(p []byte) (int, error) { return f.w.Write(p) }
func (f *flushed) Flush()                      { _ = http.NewResponseController(f.w).Flush() }

func (f *flushed) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(f.w).SetReadDeadline(t)
}

func (f *flushed) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(f.w).SetWriteDeadline(t)
}

// deaf is a proxy that reads on when its client has left.
func deaf(app string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, "http://"+app+r.URL.RequestURI(), nil)
		if err != nil {
			return
		}
		up.Header = r.Header.Clone()
		transport := &http.Transport{DisableCompression: true}
		defer transport.CloseIdleConnections()
		resp, err := transport.RoundTrip(up)
		if err != nil {
			return
		}
		defer func() { _ = resp.Body.Close() }()
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		part := make([]byte, 4<<10)
		for err == nil {
			var n int
			n, err = resp.Body.Read(part)
			_, _ = w.Write(part[:n])
			_ = http.NewResponseController(w).Flush()
		}
	})
}

// login sends everybody to a login page, of the same origin or another.
func login(page string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprint(w, "<title>Who are you?</title>")
	})
	mux.Handle("/", http.RedirectHandler(page, http.StatusFound))
	return mux
}
