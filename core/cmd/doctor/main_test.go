package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core/doctor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "0123456789abcdef"

func site(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /doctor", doctor.Endpoint(doctor.EndpointConfig{Token: token}))
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// call runs the command, and returns what it says.
func call(ctx context.Context, variable string, args ...string) (status int, stdout, stderr string) {
	var out, progress bytes.Buffer
	status = run(ctx, args, func(string) string { return variable }, &out, &progress)
	return status, out.String(), progress.String()
}

func TestHealthy(t *testing.T) {
	t.Parallel()
	url := site(t)
	status, out, progress := call(t.Context(), token, "-json", "-idle", "1s", "-watch", "1s", url+"/doctor?secret=1")
	var r doctor.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != healthy || !r.Probe || !r.Complete || !r.Direct {
		t.Errorf("report: got status %d, error %v, %+v", status, err, r)
	}
	if !strings.Contains(progress, "a probe has answered") {
		t.Errorf("progress: got %q", progress)
	}
	for _, text := range []string{out, progress} {
		if strings.Contains(text, "secret") || strings.Contains(text, token) {
			t.Errorf("a secret is in %q", text)
		}
	}
}

func TestFound(t *testing.T) {
	t.Parallel()
	status, out, progress := call(t.Context(), "", "-quiet", site(t)+"/nothing")
	if status != found || !strings.Contains(out, "error: status\n  Status 404") || progress != "" {
		t.Errorf("got status %d, %q and progress %q, want %d and the finding", status, out, progress, found)
	}
}

func TestUnproven(t *testing.T) {
	t.Parallel()
	url := site(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // It is a test's.
		args []string
		says string
	}{
		{"no URL", t.Context(), nil, "want one URL"},
		{"no flag", t.Context(), []string{"-no"}, "usage: doctor"},
		{"no colon", t.Context(), []string{"-H", "Cookie", url}, "no colon"},
		{"not a URL", t.Context(), []string{"ftp://user:pass@host"}, "not an http or https URL"},
		{"no token", t.Context(), []string{url + "/doctor"}, "token is missing or wrong"},
		{"another token", t.Context(), []string{"-token", "fedcba9876543210", url + "/doctor"}, "token is missing or wrong"},
		{"no server", t.Context(), []string{"http://127.0.0.1:1/"}, "refused"},
		{"interrupted", ended, []string{url + "/doctor"}, "no answer yet"},
	} {
		status, out, said := call(test.ctx, "", test.args...)
		if status != unproven || out != "" || !strings.Contains(said, test.says) {
			t.Errorf("%s: got status %d, %q and %q, want %d and %q", test.name, status, out, said, unproven, test.says)
		}
		if strings.Contains(said, "pass@") {
			t.Errorf("%s: a password is in %q", test.name, said)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	status, _, said := call(t.Context(), token, "-h")
	if status != healthy || !strings.Contains(said, "Exit status") || strings.Contains(said, token) {
		t.Errorf("got status %d and %q", status, said)
	}
}
