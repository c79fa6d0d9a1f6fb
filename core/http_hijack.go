package core

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"time"
)

// takeOver takes the connection over from net/http, and reports whether that
// was possible. The stream then goes on without w.
func (o *Opening) takeOver(w http.ResponseWriter) bool {
	s := o.stream
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return false
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		s.log(slog.LevelDebug, "stream is sent as a response", "why", err)
		return false
	}
	// The server's deadlines do not apply to a stream.
	_ = conn.SetDeadline(time.Time{})
	head := o.headOf(w.Header())
	w.Header().Set("Content-Type", o.Header.Get("Content-Type")) // middleware around may look at what was sent
	run := o.Own(conn, head)
	if run == nil {
		_ = conn.Close()
		return true
	}
	go func() { // it ends with the stream, so Drain and Close end it
		defer func() { _ = conn.Close() }()
		run()
	}()
	return true
}

// headOf returns a response head with the fields of before and the stream's
// own.
func (o *Opening) headOf(before http.Header) []byte {
	header := make(http.Header, len(before)+len(o.Header))
	maps.Copy(header, before)
	o.mergeHeader(header)
	for _, name := range []string{"Content-Length", "Keep-Alive", "Trailer", "Transfer-Encoding"} {
		header.Del(name)
	}
	if o.Chunked {
		header.Set("Transfer-Encoding", "chunked")
	}
	header.Set("Connection", "close")
	header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = header.Write(&b) // a buffer returns no error
	b.WriteString("\r\n")
	return b.Bytes()
}
