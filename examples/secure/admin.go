package secure

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware/monitor"
)

// Revoke returns the endpoint that ends the streams of the user in the path, and
// refuses new ones until Restore. It is for admins.
func (a *App) Revoke() *core.Endpoint {
	return a.forAdmins(func(name string) any {
		return map[string]int{"ended": a.hub.Revoke(name, time.Time{})}
	})
}

// Restore returns the endpoint that admits the user in the path again. It is for
// admins.
func (a *App) Restore() *core.Endpoint {
	return a.forAdmins(func(name string) any {
		a.hub.Restore(name)
		return struct{}{}
	})
}

// forAdmins returns an endpoint that does something to the user in the path.
func (a *App) forAdmins(act func(name string) any) *core.Endpoint {
	return a.session.Answer(func(h *core.Handshake) (any, error) {
		u, known := users()[h.Request().PathValue("user")]
		switch {
		case !users()[h.Identity()].admin:
			return nil, core.Refuse(http.StatusForbidden, "That takes an admin.")
		case !known || u.admin:
			return nil, core.Refuse(http.StatusNotFound, "There is no such user, or it is an admin.")
		}
		return act(u.name), nil
	})
}

// Metrics returns the handler of the metrics, for admins.
func (a *App) Metrics() http.Handler {
	metrics := promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.isAdmin(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="metrics"`)
			http.Error(w, "Metrics are for admins.", http.StatusUnauthorized)
			return
		}
		metrics.ServeHTTP(w, r)
	})
}

// Monitor returns the page that shows the hub at work, for admins.
func (a *App) Monitor() *monitor.Monitor { return monitor.Handler(a.hub, a.isAdmin) }

// isAdmin reports whether a request comes from an admin: with a session, or with
// name and password, as Prometheus sends them (basic_auth).
func (a *App) isAdmin(r *http.Request) bool {
	if s, err := a.current(r); err == nil {
		return s.admin
	}
	name, password, _ := r.BasicAuth()
	u, ok := logIn(name, password)
	return ok && u.admin
}
