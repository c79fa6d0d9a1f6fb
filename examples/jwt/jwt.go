// Package jwt checks JSON Web Tokens for the middleware Auth: signed with
// Ed25519 by an issuer, for an audience. It is meant to be copied.
package jwt

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// leeway is how much the issuer's clock may differ.
const leeway = 30 * time.Second

// claims are those that a token must have, besides exp, iss, aud and sub. The
// channels are names or patterns.
type claims struct {
	jwt.RegisteredClaims

	Channels []string `json:"channels"`
	Patterns []string `json:"patterns"`
}

// Check returns a function for [middleware.AuthConfig]. Only the algorithm of the
// key is accepted, whatever a token says of itself.
func Check(key ed25519.PublicKey, issuer, audience string) func(context.Context, string) (middleware.Grant, error) {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
	)
	return func(_ context.Context, token string) (middleware.Grant, error) {
		var c claims
		if _, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
			return middleware.Grant{}, fmt.Errorf("JSON Web Token: %w", err)
		}
		return middleware.Grant{
			Identity: c.Subject,
			Rights:   &core.Rights{Channels: c.Channels, Patterns: c.Patterns},
			Expiry:   c.ExpiresAt.Add(leeway),
		}, nil
	}
}
