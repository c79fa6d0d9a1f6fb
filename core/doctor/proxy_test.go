//go:build unix

package doctor_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// bind returns a listener on the loopback whose socket a child process can
// inherit, and its address. No port is chosen twice that way.
func bind(t *testing.T) (*os.File, string) {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listener: %v", err)
	}
	defer func() { _ = listener.Close() }()
	tcp, ok := listener.(*net.TCPListener)
	if !ok {
		t.Fatalf("listener: got %T", listener)
	}
	file, err := tcp.File()
	if err != nil {
		t.Fatalf("listener: %v", err)
	}
	return file, listener.Addr().String()
}

// sockets are listening sockets for a child process, which finds them from
// descriptor 3 on.
type sockets struct{ files []*os.File }

// add adds a socket, and returns its descriptor in the child and its address.
func (s *sockets) add(t *testing.T) (fd int, addr string) {
	t.Helper()
	file, addr := bind(t)
	s.files = append(s.files, file)
	return len(s.files) + 2, addr
}

// journal is what a child process has said.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// start runs a program until the test ends.
func (s *sockets) start(t *testing.T, name string, env []string, args ...string) {
	t.Helper()
	path := program(t, name)
	said := &journal{}
	child := exec.Command(path, args...)
	child.Env = append(os.Environ(), env...)
	child.Stdout, child.Stderr = said, said
	child.ExtraFiles = s.files
	if err := child.Start(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, file := range s.files {
		_ = file.Close() // the child has its own
	}
	t.Cleanup(func() {
		_ = child.Process.Signal(syscall.SIGTERM)
		_ = child.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, said)
		}
	})
}

// program returns the path of a program. Debian keeps those of servers where
// only root's PATH leads.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	for _, folder := range []string{"/usr/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: bash .ci/setup installs it", name)
	return ""
}

// nginx runs nginx with a server for each of the texts, which are the
// directives of a location in front of upstream, and returns their URLs.
func nginx(t *testing.T, sites []string) []string {
	t.Helper()
	dir := t.TempDir()
	var s sockets
	var urls []string
	var servers, inherited strings.Builder
	for i, site := range sites {
		fd, addr := s.add(t)
		fmt.Fprintf(&inherited, "%d;", fd)
		site = strings.NewReplacer("LISTEN", addr, "NAME", fmt.Sprint("site", i)).Replace(site)
		fmt.Fprintln(&servers, site)
		urls = append(urls, "http://"+addr)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // another one could not enter the folder
	}
	conf := fmt.Sprintf(`
%[3]s
daemon off;
worker_processes 1;
pid %[1]s/pid;
error_log stderr info;
events { worker_connections 1000; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	proxy_cache_path %[1]s/cache keys_zone=kept:1m;
	%[2]s
}
`, dir, servers.String(), user)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	s.start(t, "nginx", []string{"NGINX=" + inherited.String()}, "-p", dir, "-e", "stderr", "-c", file)
	return urls
}

// haproxy runs haproxy with a listener for each of the texts, which are
// directives, and returns their URLs. SITE and a number stand for the address
// of an earlier one.
func haproxy(t *testing.T, upstream string, sites []string) []string {
	t.Helper()
	var s sockets
	var urls []string
	var b strings.Builder
	fmt.Fprintln(&b, "global\n\tmaxconn 500\n\tnbthread 1\ndefaults\n\tmode http")
	fmt.Fprintln(&b, "\ttimeout connect 5s\n\ttimeout client 60s\n\ttimeout server 60s")
	for i, site := range sites {
		fd, addr := s.add(t)
		for j, url := range urls {
			site = strings.ReplaceAll(site, fmt.Sprint("SITE", j), strings.TrimPrefix(url, "http://"))
		}
		fmt.Fprintf(&b, "listen site%d\n\tbind fd@%d\n\t%s\n", i, fd, site)
		if !strings.Contains(site, "server app") {
			fmt.Fprintf(&b, "\tserver app %s\n", upstream)
		}
		urls = append(urls, "http://"+addr)
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	s.start(t, "haproxy", nil, "-db", "-f", file)
	return urls
}
