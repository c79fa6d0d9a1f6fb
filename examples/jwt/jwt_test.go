package jwt_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v2"
	"github.com/golang-jwt/jwt/v5"

	"github.com/tidings-go/tidings/core"
	checker "github.com/tidings-go/tidings/examples/jwt"
	"github.com/tidings-go/tidings/fibersse"
	"github.com/tidings-go/tidings/ginsse"
	"github.com/tidings-go/tidings/middleware"
)

const issuer, audience = "https://login.example.com", "events"

func Example() {
	key, private, _ := ed25519.GenerateKey(rand.Reader) // the issuer's
	auth := middleware.Auth(middleware.AuthConfig{Check: checker.Check(key, issuer, audience)})
	hub, cfg := core.NewHub(core.HubConfig{}), core.GateConfig{Middleware: []core.Middleware{auth}}

	r := gin.New()
	r.HEAD("/events", ginsse.New(hub, cfg).Subscribe("news"))
	app := fiber.New()
	app.Get("/events", fibersse.New(hub, cfg).Subscribe("news"))

	token, _ := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "ann", "exp": time.Now().Add(time.Hour).Unix(), "channels": []string{"news"},
	}).SignedString(private)
	request := func() *http.Request {
		req := httptest.NewRequest(http.MethodHead, "/events", http.NoBody)
		req.Header.Set("Authorization", "Bearer "+token)
		return req
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, request())
	resp, err := app.Test(request())
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	fmt.Println(w.Code, resp.StatusCode)
	// Output: 200 200
}

// TestAttacks has tokens checked that are not the issuer's, or not any more.
func TestAttacks(t *testing.T) {
	t.Parallel()
	key, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// sign returns a token whose claims are changed.
	sign := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		c := jwt.MapClaims{"iss": issuer, "aud": audience, "sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
		if change != nil {
			change(c)
		}
		text, err := jwt.NewWithClaims(method, c).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	set := func(name string, value any) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) { c[name] = value }
	}
	without := func(name string) func(jwt.MapClaims) {
		return func(c jwt.MapClaims) { delete(c, name) }
	}
	eddsa := jwt.SigningMethodEdDSA
	good := sign(eddsa, private, nil)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	check := checker.Check(key, issuer, audience)
	if g, err := check(t.Context(), good); err != nil || g.Identity != "ann" || g.Rights.Allow("news") {
		t.Fatalf("a good token: got %+v, %v, want ann without a channel", g, err)
	}
	for name, token := range map[string]string{
		"alg none":                 sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil),
		"alg none, signed":         none + "." + parts[1] + "." + parts[2],
		"alg none, in capitals":    base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"NONE"}`)) + "." + parts[1] + ".",
		"public key as a secret":   sign(jwt.SigningMethodHS256, []byte(key), nil),
		"another key":              sign(eddsa, other, nil),
		"another issuer":           sign(eddsa, private, set("iss", "https://evil.example")),
		"another audience":         sign(eddsa, private, set("aud", "mail")),
		"without an audience":      sign(eddsa, private, without("aud")),
		"without an issuer":        sign(eddsa, private, without("iss")),
		"without an expiry":        sign(eddsa, private, without("exp")),
		"expired":                  sign(eddsa, private, set("exp", time.Now().Add(-time.Minute).Unix())),
		"not yet":                  sign(eddsa, private, set("nbf", time.Now().Add(time.Hour).Unix())),
		"claims of another":        parts[0] + "." + strings.Split(sign(eddsa, private, set("sub", "bob")), ".")[1] + "." + parts[2],
		"truncated":                good[:len(good)-4],
		"truncated, two parts":     parts[0] + "." + parts[1],
		"without a signature":      parts[0] + "." + parts[1] + ".",
		"one letter":               good[:len(good)-2] + "AA",
		"not base64":               "%%%.%%%.%%%",
		"empty":                    "",
		"with a line break within": parts[0] + "\n." + parts[1] + "." + parts[2],
	} {
		if g, err := check(t.Context(), token); err == nil || errors.As(err, new(*core.Refusal)) || g.Identity != "" {
			t.Errorf("%s: got %+v, %v, want an error", name, g, err)
		}
	}
}
