//go:build unix

package doctor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidings-go/tidings/internal/servertest"
)

// nginx runs nginx with a server for each of the texts, which are the
// directives of a location in front of upstream, and returns their URLs.
func nginx(t *testing.T, sites []string) []string {
	t.Helper()
	var s servertest.Sockets
	var urls []string
	var servers strings.Builder
	fmt.Fprintln(&servers, "access_log off; proxy_cache_path cache keys_zone=kept:1m;")
	for i, site := range sites {
		_, addr := s.Add(t)
		site = strings.NewReplacer("LISTEN", addr, "NAME", fmt.Sprint("site", i)).Replace(site)
		fmt.Fprintln(&servers, site)
		urls = append(urls, "http://"+addr)
	}
	s.Nginx(t, t.TempDir(), servers.String())
	return urls
}

// haproxy runs haproxy with a listener for each of the texts, which are
// directives, and returns their URLs. SITE and a number stand for the address
// of an earlier one.
func haproxy(t *testing.T, upstream string, sites []string) []string {
	t.Helper()
	var s servertest.Sockets
	var urls []string
	var b strings.Builder
	fmt.Fprintln(&b, "global\n\tmaxconn 500\n\tnbthread 1\ndefaults\n\tmode http")
	fmt.Fprintln(&b, "\ttimeout connect 5s\n\ttimeout client 60s\n\ttimeout server 60s")
	for i, site := range sites {
		fd, addr := s.Add(t)
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
	s.Start(t, "haproxy", nil, "-db", "-f", file)
	return urls
}
