package core

import "github.com/tidings-go/tidings/core/history"

// endOfBody is the last chunk, and the end, of a chunked body (RFC 9112, section
// 7.1).
const endOfBody = "0\r\n\r\n"

// chunkOf returns a chunk with text.
func chunkOf(text []byte) []byte {
	buf := make([]byte, history.HeadRoom, history.HeadRoom+len(text)+len("\r\n"))
	return history.Chunk(append(buf, text...))
}
