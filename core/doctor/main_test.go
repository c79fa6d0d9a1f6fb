package doctor_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/doctor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probe returns the endpoint of a probe that is asked by many at a time.
func probe(conn core.ConnMode) http.Handler {
	return doctor.Endpoint(doctor.EndpointConfig{
		BehindLogin: true, MaxStreams: 1000, Gate: core.GateConfig{Conn: conn},
	})
}

// serve serves until the test ends, and returns the server.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

// examine examines with silences and streams that are short.
func examine(t *testing.T, cfg doctor.Config) *doctor.Report {
	t.Helper()
	if cfg.Idle == 0 {
		cfg.Idle = 3 * time.Second
	}
	if cfg.Watch == 0 {
		cfg.Watch = 4 * time.Second
	}
	r, err := doctor.Examine(t.Context(), cfg)
	if err != nil {
		t.Errorf("Examine: got error %v, want a report", err)
		return &doctor.Report{}
	}
	return r
}

// codes returns the codes of the findings that count, sorted, in a line.
func codes(r *doctor.Report) string {
	var all []string
	for _, f := range r.Findings {
		if f.Severity != doctor.Info {
			all = append(all, string(f.Code))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// text returns a report as people read it.
func text(r *doctor.Report) string {
	var b strings.Builder
	_ = r.WriteText(&b) // a Builder fails never
	return b.String()
}

// certificate makes a certificate for the loopback, and returns the files that
// hold it and its key, and the authorities to believe.
func certificate(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("key: %v", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatalf("certificate: %v", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatalf("key: %v", err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: encoded},
	} {
		if err = os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatalf("certificate: %v", err)
		}
	}
	roots = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("certificate: %v", err)
	}
	roots.AddCert(parsed)
	return cert, key, roots
}

// serveTLS serves HTTP/2 with a certificate until the test ends.
func serveTLS(t *testing.T, h http.Handler, cert, key string) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatalf("certificate: %v", err)
	}
	server := httptest.NewUnstartedServer(h)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}
