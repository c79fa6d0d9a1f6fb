//go:build linux

package target

import (
	"fmt"

	"github.com/tidings-go/tidings/examples/bench/internal/contender"
)

// proxyConfig leaves everything at nginx's defaults but the lines without which
// it could not take part: where to listen and whom to pass requests to, and
// enough descriptors for 10,000 clients, of which each needs two.
const proxyConfig = `
worker_processes 2;
worker_rlimit_nofile 20000;
events { worker_connections 19000; }
http {` + nginxFiles + `
	server {
		listen %s;
		location / { proxy_pass http://%s; }
	}
}
`

// behind is a server whose clients come through nginx.
type behind struct {
	Server

	nginx *nginx
}

// startBehind starts a contender's server, and nginx in front of it. nginx runs
// on the load's core, so that the server has its own to itself.
func startBehind(name string, cfg contender.Config, p Place) (Server, error) {
	server, err := Start(name, cfg, p)
	if err != nil {
		return nil, err
	}
	n, err := startNginx(p.Cores.Load, func(addr string) string {
		return fmt.Sprintf(proxyConfig, addr, server.Addr())
	})
	if err != nil {
		server.Close()
		return nil, err
	}
	return &behind{Server: server, nginx: n}, nil
}

// Addr implements [Server].
func (b *behind) Addr() string { return b.nginx.addr }

// Close implements [Server].
func (b *behind) Close() {
	b.nginx.close()
	b.Server.Close()
}
