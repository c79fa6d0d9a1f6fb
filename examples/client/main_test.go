package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// serve serves in the way that h does, for one test.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections)
	return s.URL
}

func send(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

// TestJSON checks what is printed for events, also across a reconnect, and that
// Ctrl-C ends the program with status 0.
func TestJSON(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		var asked atomic.Int64
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			switch asked.Add(1) {
			case 1:
				send(w, "retry: 1\n\nid: 1\nevent: größe\ndata: a\ndata: \"b\"\n\ndata: \x1b[2J\n\n")
			default:
				send(w, "data: after "+r.Header.Get("Last-Event-ID")+"\n\n")
				<-r.Context().Done()
			}
		})
		p := start(t, nil, "-json", url)
		for i, want := range []map[string]any{
			{"id": "1", "event": "größe", "data": "a\n\"b\"", "reconnects": 0.0},
			{"id": "1", "event": "message", "data": "\x1b[2J", "reconnects": 0.0},
			{"id": "1", "event": "message", "data": "after 1", "reconnects": 1.0},
		} {
			var got map[string]any
			if err := json.Unmarshal([]byte(p.line(t)), &got); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("event %d: got %v, want %v", i, got, want)
			}
		}
		if err := p.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		rest, status := p.end(t)
		if rest != "" || status != 0 {
			t.Errorf("after %v: got %q and status %d, want 0", signal, rest, status)
		}
		want := []string{"connecting", "open", "lost: the stream has ended; next attempt in ", "open", "closed", ""}
		got := strings.Split(p.stderr.String(), "\n")
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]) {
				t.Fatalf("standard error: got %q, want %q", got, want)
			}
		}
	}
}

// TestPlain checks the form for people, in which nothing that a server sends
// can command the terminal.
func TestPlain(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		send(w, "retry: 1\n\nid: 1\x1b\nevent: a\x9b\ndata: one\ndata: \x1b[2Jtwo\u009b\t.\n\nid: 2\ndata: three\n\n")
	})
	p := start(t, nil, url)
	got, status := p.end(t)
	want := "a� 1�\n  one\n  �[2Jtwo�\t.\nmessage 2\n  three"
	if got != want || status != 0 || !strings.HasSuffix(p.stderr.String(), "closed: the server says that there will be no more\n") {
		t.Errorf("got status %d, %q and %q, want 0, %q and why", status, got, &p.stderr, want)
	}
}

// TestDroppedID checks that an ID which the server refuses is dropped, and that
// this is told.
func TestDroppedID(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case asked.Add(1) == 1:
			send(w, "retry: 1\n\nid: 7\ndata: a\n\n")
		case r.Header.Get("Last-Event-ID") != "":
			w.WriteHeader(http.StatusRequestHeaderFieldsTooLarge)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	p := start(t, nil, url)
	got, status := p.end(t)
	want := "lost: status 431 Request Header Fields Too Large; the last event ID is dropped; next attempt in "
	if got != "message 7\n  a" || status != 0 || !strings.Contains(p.stderr.String(), want) {
		t.Errorf("got status %d, %q and %q, want 0, the event, and %q", status, got, &p.stderr, want)
	}
}

// TestRequest checks what the flags make of the request.
func TestRequest(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "question")
	if err := os.WriteFile(file, []byte(`{"stream":true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		send(w, fmt.Sprintf("data: %s|%s|%s|%s|%s|%s\n\ndata: [DONE]\n\n", r.Method, body,
			r.Header.Get("Content-Type"), r.Header.Get("Last-Event-ID"), r.Header.Get("X-A"), r.Host))
		<-r.Context().Done()
	})
	host := strings.TrimPrefix(url, "http://")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "GET||||"},
		{[]string{"-last-id", "7", "-H", "X-A: b:c"}, "GET|||7|b:c"},
		{[]string{"-method", "POST", "-d", "@" + file}, `POST|{"stream":true}|application/json||`},
		{[]string{"-d", "@-", "-H", "Content-Type:a/b"}, `POST|from stdin|a/b||`},
		{[]string{"-method", "PUT", "-d", "text"}, `PUT|text|text/plain; charset=utf-8||`},
	} {
		p := start(t, strings.NewReader("from stdin"), append(tt.args, "-until", "[DONE]", url)...)
		got, status := p.end(t)
		if want := "message " + lastID(tt.args) + "\n  " + tt.want + "|" + host; got != want || status != 0 {
			t.Errorf("%v: got status %d and %q, want 0 and %q", tt.args, status, got, want)
		}
	}
}

func lastID(args []string) string {
	if len(args) > 1 && args[0] == "-last-id" {
		return args[1]
	}
	return ""
}

// TestFailures checks that each end that is none in order is one line, and a
// status.
func TestFailures(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/html":
			w.Header().Set("Content-Type", "text/html")
		case "/long":
			send(w, "data: "+strings.Repeat("x", 17<<20)+"\n\n")
		case "/half":
			send(w, "data: a\n")
		default:
			http.Error(w, "not\x1b you", http.StatusUnauthorized)
		}
	})
	for _, tt := range []struct {
		args   string
		status int
		want   string // in the last line
	}{
		{url + "/?token=secret", 1, "client: refused: status 401 Unauthorized: not� you"},
		{url + "/html", 1, `client: not an event stream: content type "text/html", want text/event-stream`},
		{url + "/long", 1, "client: too large: line longer than 16777222 bytes"},
		{"-once -until x " + url + "/half", 1, "client: broken: GET " + url + ": unexpected EOF"},
		{"-attempts 1 http://user:secret@127.0.0.1:1/", 1, "client: attempts used up (1): GET http://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused"},
		{"-d @/nonsense/file " + url, 2, "client: open /nonsense/file: no such file or directory"},
		{"-H nonsense " + url, 2, "-json"},
		{"nonsense", 1, "client: client: URL is not one of http or https with a host"},
		{"", 2, "client: got 0 arguments, want one URL after the flags"},
		{"-h", 0, ""},
	} {
		p := start(t, nil, strings.Fields(tt.args)...)
		out, status := p.end(t)
		lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
		last := lines[len(lines)-1]
		if tt.status != status || tt.status == 1 && last != tt.want || out != "" {
			t.Errorf("%s: got status %d, %q and %q, want %d and %q", tt.args, status, out, last, tt.status, tt.want)
		}
		if tt.status == 1 && strings.Contains(p.stderr.String(), "secret") {
			t.Errorf("%s: got %s, want no secrets", tt.args, &p.stderr)
		}
	}
}
