package companion_test

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/chromedp/chromedp"
)

// tickets lets each ticket open one stream.
type tickets struct {
	site *site
	away atomic.Bool // the server cannot be reached

	mu    sync.Mutex
	spent map[string]bool
}

func (k *tickets) check(w http.ResponseWriter, r *http.Request) {
	if k.away.Load() {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	k.mu.Lock()
	ticket := r.URL.Query().Get("ticket")
	spent := k.spent[ticket]
	k.spent[ticket] = true
	k.mu.Unlock()
	if spent {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	k.site.stream.ServeHTTP(w, r)
}

// evaluate runs a script in the page.
func evaluate(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script)
}
