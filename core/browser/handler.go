package browser

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// variant is a file as it is sent, with one coding.
type variant struct {
	text []byte
	etag string
}

func newVariant(text []byte) variant {
	sum := sha256.Sum256(text)
	return variant{text, `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// file is what the handler serves under one name.
type file struct {
	kind           string
	plain, zipped  variant
	compressedSize string
}

func newFile(kind, text string) *file {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err == nil {
		_, _ = w.Write([]byte(text)) // a buffer takes all
		_ = w.Close()
	}
	return &file{
		kind:           kind,
		plain:          newVariant([]byte(text)),
		zipped:         newVariant(zipped.Bytes()),
		compressedSize: strconv.Itoa(zipped.Len()),
	}
}

// compact returns a script without its indentation, empty lines, and lines that
// are comments. No string of the script goes over several lines.
func compact(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Handler returns the handler that serves the module under any path that ends
// in /tidings.js, and its types beside it, under /tidings.d.ts. All other paths
// get 404.
//
// The module is sent without its comments and indentation. The files are sent compressed to clients that accept gzip, unless a middleware
// around the handler has set a Content-Encoding already. A cache asks whether
// they have changed each time (no-cache), and is told by a strong ETag. The
// handler answers GET and HEAD, and is safe for concurrent use.
func Handler() http.Handler {
	files := map[string]*file{
		Name:      newFile("text/javascript; charset=utf-8", compact(script)),
		TypesName: newFile("application/typescript; charset=utf-8", types),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f := files[path.Base(r.URL.Path)]
		switch {
		case f == nil:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		default:
			f.serve(w, r)
		}
	})
}

// serve answers a request for the file.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	v := f.plain
	h.Add("Vary", "Accept-Encoding")
	if h.Get("Content-Encoding") == "" && r.Header.Get("Range") == "" && acceptsGzip(r.Header) {
		v = f.zipped
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", f.compressedSize) // ServeContent sets it without a coding only
	}
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", v.etag)
	h.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(v.text))
}

// acceptsGzip reports whether a client takes gzip (RFC 9110, section 12.5.3).
func acceptsGzip(h http.Header) bool {
	for _, value := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, found := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			if n, err := strconv.ParseFloat(q, 64); !found || err == nil && n > 0 {
				return true
			}
		}
	}
	return false
}
