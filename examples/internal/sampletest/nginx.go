package sampletest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/internal/servertest"
)

// Nginx is a running nginx.
type Nginx struct {
	// URL is where it serves, without a slash at its end.
	URL string

	t   *testing.T
	log string // file of its access log
}

// NginxRequest is a request that nginx has answered.
type NginxRequest struct {
	// Path is the request's path, with its query.
	Path string
	// Status is the status that the client was sent.
	Status string
	// Upstream is the status of the last server that nginx asked: 502 is
	// nginx's own for one that it could not reach.
	Upstream string
}

// StartNginx starts an nginx with its default settings, but for an upstream with
// the name nodes and the directives of its one server. It ends with the test.
func StartNginx(t *testing.T, nodes []string, server string) *Nginx {
	t.Helper()
	dir := t.TempDir()
	var sockets servertest.Sockets
	_, addr := sockets.Add(t)
	var conf strings.Builder
	fmt.Fprintln(&conf, "log_format asked '$request_uri|$status|$upstream_status'; access_log access.log asked;")
	fmt.Fprintln(&conf, "upstream nodes {")
	for _, node := range nodes {
		fmt.Fprintf(&conf, "server %s;\n", node)
	}
	fmt.Fprintf(&conf, "}\nserver { listen %s; %s }\n", addr, server)
	sockets.Nginx(t, dir, conf.String())
	return &Nginx{URL: "http://" + addr, t: t, log: filepath.Join(dir, "access.log")}
}

// Answered returns the requests that were answered so far. A stream counts when
// it has ended.
func (n *Nginx) Answered() []NginxRequest {
	n.t.Helper()
	text, err := os.ReadFile(n.log)
	if err != nil && !os.IsNotExist(err) {
		n.t.Fatal(err)
	}
	var all []NginxRequest
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "|")
		if len(fields) != 3 || !strings.HasSuffix(line, "\n") {
			continue
		}
		upstream := fields[2][strings.LastIndexByte(fields[2], ' ')+1:]
		all = append(all, NginxRequest{Path: fields[0], Status: fields[1], Upstream: upstream})
	}
	return all
}
