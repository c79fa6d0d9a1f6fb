package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/browser"
)

func ExampleHandler() {
	hub := core.NewHub(core.HubConfig{})
	defer func() { _ = hub.Close() }()

	mux := http.NewServeMux()
	mux.Handle("GET /stocks", core.Subscribe(hub, "stocks"))
	mux.Handle("GET /tidings.js", browser.Handler())
	mux.Handle("GET /tidings.d.ts", browser.Handler()) // for editors
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `<!doctype html>
<script type="module">
import { Source } from "/tidings.js";
const prices = new Source("/stocks", { share: true });
prices.addEventListener("stockupdate", e => document.body.append(e.data));
</script>`)
	})

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/tidings.js", http.NoBody))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/javascript; charset=utf-8
}
