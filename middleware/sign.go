package middleware

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tidings-go/tidings/core"
)

const (
	// maxSigned is the maximum length of a signed text, in bytes. Browsers keep
	// cookies of about 4 KiB.
	maxSigned = 3 << 10
	// minKey is the minimum length of a key, in bytes.
	minKey = 32
	// maxKeys is the maximum number of keys.
	maxKeys = 8
)

// keys sign texts, the first of them, and verify texts, all of them.
type keys struct{ all atomic.Pointer[[][]byte] }

// set replaces the keys. It panics if there is none, one is too short, or there
// are too many.
func (k *keys) set(all [][]byte) {
	if len(all) == 0 || len(all) > maxKeys {
		panic(fmt.Sprintf("tidings: tickets: %d keys, want 1 to %d", len(all), maxKeys))
	}
	own := make([][]byte, len(all))
	for i, key := range all {
		if len(key) < minKey {
			panic(fmt.Sprintf("tidings: tickets: key %d has %d bytes, want %d or more", i, len(key), minKey))
		}
		own[i] = slices.Clone(key)
	}
	k.all.Store(&own)
}

// sign returns v in JSON and its authentication code, as text for URLs and
// cookies. What was signed for one purpose is not valid for another.
func (k *keys) sign(purpose string, v any) (string, error) {
	payload, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("tidings: signing: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(payload)
	text += "." + base64.RawURLEncoding.EncodeToString(mac((*k.all.Load())[0], purpose, text))
	if len(text) > maxSigned {
		return "", fmt.Errorf("tidings: signed text of %d bytes: %w", len(text), core.ErrTooLarge)
	}
	return text, nil
}

// verify decodes a signed text into v, and reports whether one of the keys has
// signed it. Nothing is decoded that is not signed.
func (k *keys) verify(purpose, text string, v any) bool {
	if len(text) > maxSigned {
		return false
	}
	encoding := base64.RawURLEncoding.Strict()
	payload, code, _ := strings.Cut(text, ".")
	got, err := encoding.DecodeString(code)
	if err != nil || len(got) != sha256.Size {
		return false
	}
	signed := false
	for _, key := range *k.all.Load() {
		signed = hmac.Equal(got, mac(key, purpose, payload)) || signed
	}
	if !signed {
		return false
	}
	plain, err := encoding.DecodeString(payload)
	return err == nil && json.Unmarshal(plain, v) == nil
}

// mac returns the authentication code of a text for a purpose.
func mac(key []byte, purpose, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("tidings " + purpose + "\x00" + text))
	return h.Sum(nil)
}
