//go:build linux

package stocks_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

var (
	clients = flag.Int("clients", 0, "measure the memory of so many `clients` that wait, 19,000 at most; 0: only try it, with a few")
	settle  = flag.Duration("settle", 45*time.Second, "how long the -clients wait before they are measured")
)

// browser is about what a browser adds to a request.
const browser = "Accept: text/event-stream\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n" +
	"Cache-Control: no-cache\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n" +
	"Referer: http://localhost/\r\n" +
	"Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"

// By how much a program's memory grows for each client that waits. A few clients
// are no measurement, and only show that there can be one. This is one:
//
//	go test ./examples/stocks -run Memory -v -clients 10000
//
//nolint:paralleltest // It measures.
func TestMemory(t *testing.T) {
	n, wait := min(*clients, 19_000), *settle
	if n <= 0 {
		n, wait = 100, 0
	}
	for _, framework := range sampletest.Frameworks() {
		t.Run(framework, func(t *testing.T) {
			p := sampletest.Start(t, framework)
			before := resident(t, p.Cmd.Process.Pid)
			for i := range n {
				waitForQuote(t, strings.TrimPrefix(p.URL, "http://"), i)
			}
			if got, _ := sampletest.Stats(t, p.URL); got != n {
				t.Errorf("open streams: got %d, want %d", got, n)
			}
			select {
			case <-time.After(wait): // the runtime gives memory back bit by bit
			case <-p.Done:
			}
			after := resident(t, p.Cmd.Process.Pid)
			t.Logf("%s: %d clients, resident memory from %d to %d KiB, %d bytes a client",
				framework, n, before>>10, after>>10, (after-before)/int64(n))
		})
	}
}

// waitForQuote opens one more client that waits for quotes until the test ends.
// Clients use four addresses, as the limit for one is too low for the test.
func waitForQuote(t *testing.T, addr string, i int) {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%4))}, Timeout: sampletest.Patience}
	conn, err := d.DialContext(t.Context(), "tcp4", addr)
	if err != nil {
		t.Fatalf("client %d: %v", i, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	request := "GET /stocks HTTP/1.1\r\nHost: " + addr + "\r\n" + browser + "\r\n"
	if _, err = io.WriteString(conn, request); err != nil {
		t.Fatalf("client %d: %v", i, err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(sampletest.Patience))
	for in, line := bufio.NewReaderSize(conn, 512), ""; line != ": open\n"; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
	}
}

// resident returns how many bytes of a process are in memory.
func resident(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatalf("resident memory: %v", err)
	}
	return kib << 10
}
