package servertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nginx runs nginx with its default settings and the directives of an http
// block, until the test ends. The sockets are those that the directives listen
// at. nginx's folder is dir, which relative paths of the directives lead from.
func (s *Sockets) Nginx(tb testing.TB, dir, directives string) {
	tb.Helper()
	var conf, inherited strings.Builder
	if os.Getuid() == 0 {
		fmt.Fprintln(&conf, "user root;") // another one could not enter the folder
	}
	fmt.Fprintln(&conf, "daemon off; worker_processes 1; pid pid; error_log stderr info; events {}\nhttp {")
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&conf, "\t%s_temp_path %s;\n", name, name)
	}
	fmt.Fprintf(&conf, "%s\n}\n", directives)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf.String()), 0o600); err != nil {
		tb.Fatalf("configuration: %v", err)
	}
	for i := range s.files {
		fmt.Fprintf(&inherited, "%d;", i+3)
	}
	s.Start(tb, "nginx", []string{"NGINX=" + inherited.String()}, "-p", dir, "-e", "stderr", "-c", file)
}
