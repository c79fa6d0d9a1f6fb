package secure

import (
	"crypto/sha256"
	"crypto/subtle"

	"github.com/tidings-go/tidings/core"
)

// user is someone who can log in. A role is more than the right to listen: the
// channels that it has are all that its streams may ever get.
type user struct {
	name, password, role string
	channels             []string
	admin                bool // may revoke others, and see the monitor and the metrics
}

// users returns those of the demo, by name. A product has a database, and in it a
// slow hash of each password, by bcrypt or Argon2.
func users() map[string]user {
	return map[string]user{
		"ann":  {"ann", "sells-seashells", "trader", []string{Prices, Orders}, false},
		"bob":  {"bob", "only-watches", "viewer", []string{Prices}, false},
		"cleo": {"cleo", "keeps-the-keys", "admin", []string{Prices, Orders}, true},
	}
}

// logIn returns the user with a name and a password. It takes as long for a
// password that is nearly right, and for a user who does not exist.
func logIn(name, password string) (u user, ok bool) {
	u, ok = users()[name]
	want, got := sha256.Sum256([]byte(u.password)), sha256.Sum256([]byte(password))
	return u, subtle.ConstantTimeCompare(want[:], got[:]) == 1 && ok
}

// rights returns the channels that the user may have.
func (u user) rights() *core.Rights { return &core.Rights{Channels: u.channels} }
