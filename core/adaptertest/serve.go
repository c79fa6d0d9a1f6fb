package adaptertest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/tidings-go/tidings/core"
)

// Serve serves a site by a handler of net/http, for adapters whose framework
// is one. It returns what [Adapter] Start is to return.
func Serve(site Site, handler http.Handler) (shutdown func(context.Context) error) {
	server := &http.Server{
		Handler: handler, Protocols: site.Protocols, TLSConfig: site.TLS,
		ReadTimeout: site.ReadTimeout, WriteTimeout: site.WriteTimeout, IdleTimeout: site.IdleTimeout,
		ConnContext: core.ConnContext,
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	served := make(chan error, 1)
	go func() {
		if site.TLS != nil {
			served <- server.ServeTLS(site.Listener, "", "")
			return
		}
		served <- server.Serve(site.Listener)
	}()
	return func(ctx context.Context) error {
		err := server.Shutdown(ctx)
		if err != nil {
			err = errors.Join(err, server.Close())
		}
		if e := <-served; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	}
}
