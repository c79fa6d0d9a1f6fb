package secure

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"

	"github.com/tidings-go/tidings/core/browser"
)

//go:embed static
var static embed.FS

// Paths returns the paths that Pages serves.
func Paths() []string { return []string{"/", "/page.js", "/page.css", "/tidings.js", "/me"} }

// Pages returns the handler for all that is read and is no stream: the page, and
// at /me its user, or null. The page takes nothing from elsewhere, and no other
// page can put it into a frame.
func (a *App) Pages() http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // it is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.Handle("GET /tidings.js", browser.Handler())
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		var me *profile
		if s, err := a.current(r); err == nil {
			p := about(s.user)
			me = &p
		}
		_ = json.NewEncoder(w).Encode(me) // the client may be gone
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		mux.ServeHTTP(w, r)
	})
}
