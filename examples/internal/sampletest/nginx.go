package sampletest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
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
	listener, addr := inheritable(t)
	var conf strings.Builder
	if os.Getuid() == 0 {
		fmt.Fprintln(&conf, "user root;") // another one could not enter the folder
	}
	fmt.Fprintln(&conf, "daemon off; pid pid; events {} http {")
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&conf, "%s_temp_path %s;\n", name, name)
	}
	fmt.Fprintln(&conf, "log_format asked '$request_uri|$status|$upstream_status'; access_log access.log asked;")
	fmt.Fprintln(&conf, "upstream nodes {")
	for _, node := range nodes {
		fmt.Fprintf(&conf, "server %s;\n", node)
	}
	fmt.Fprintf(&conf, "}\nserver { listen %s; %s }\n}\n", addr, server)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginxPath(t), "-p", dir, "-e", "stderr", "-c", file)
	out := &Transcript{}
	cmd.Env = append(os.Environ(), "NGINX=3;") // it listens where descriptor 3 does
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{listener}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = listener.Close() // nginx has its own
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("nginx printed:\n%s", Tail(out.String(), 4<<10))
		}
	})
	return &Nginx{URL: "http://" + addr, t: t, log: filepath.Join(dir, "access.log")}
}

// inheritable returns a listening socket for a child process, and its address.
func inheritable(t *testing.T) (*os.File, string) {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	return file, l.Addr().String()
}

// nginxPath returns the path of nginx, which Debian keeps where only root's PATH
// leads.
func nginxPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("nginx is missing: bash .ci/setup installs it")
	return ""
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
