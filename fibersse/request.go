package fibersse

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/tidings-go/tidings/core"
)

// request copies the parts of a request that a stream may need. Only the body
// refers to the framework's memory; core reads it before the handler returns.
func request(user context.Context, c *fiber.Ctx) core.Request {
	ctx := c.Context()
	uri := string(ctx.RequestURI())
	target, err := url.ParseRequestURI(uri)
	if err != nil {
		target = &url.URL{Path: string(ctx.Path()), RawQuery: string(ctx.URI().QueryString())}
	}
	r := &http.Request{
		Method:     string(ctx.Method()),
		URL:        target,
		RequestURI: uri,
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     make(http.Header, ctx.Request.Header.Len()),
		Body:       http.NoBody,
		Host:       string(ctx.Host()),
		RemoteAddr: ctx.RemoteAddr().String(),
		TLS:        ctx.TLSConnectionState(),
	}
	if !ctx.Request.Header.IsHTTP11() {
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
	}
	ctx.Request.Header.VisitAll(func(name, value []byte) {
		r.Header.Add(string(name), string(value))
	})
	r.Header.Del("Host") // as in net/http: it has its own field
	if stream := ctx.RequestBodyStream(); stream != nil {
		r.Body, r.ContentLength = io.NopCloser(stream), int64(ctx.Request.Header.ContentLength())
	} else if b := ctx.Request.Body(); len(b) > 0 {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	}
	r = r.WithContext(user)
	for _, name := range c.Route().Params {
		r.SetPathValue(strings.Clone(name), pathValue(c, name))
	}
	if ctx.Done() == nil {
		// This is app.Test, not a server: its connection ends with the request.
		return core.Request{Request: r}
	}
	conn := bare(ctx.Conn())
	return core.Request{
		Request: r, NetConn: conn, Reused: ctx.ConnRequestNum() > 1,
		CanOwn: ownable(conn), ServerDone: ctx.Done(),
	}
}

// pathValue returns a parameter of the route unescaped, as net/http does.
func pathValue(c *fiber.Ctx, name string) string {
	value := strings.Clone(c.Params(name))
	if c.App().Config().UnescapePath {
		return value
	}
	if plain, err := url.PathUnescape(value); err == nil {
		return plain
	}
	return value
}
