package secure

import (
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"sync"
	"time"

	"github.com/tidings-go/tidings/middleware"
)

// maxSessions is how many sessions a user may have. One more ends the oldest.
const maxSessions = 16

// session is what a client is, once it has logged in.
type session struct {
	user
	end time.Time
}

// grant returns what a stream of the session may have.
func (s session) grant() middleware.Grant {
	return middleware.Grant{Identity: s.name, Rights: s.rights(), Expiry: s.end}
}

// tokenHash is the hash of a session's token. Nothing here can be used as a
// cookie, and how long a search takes tells nothing about one.
type tokenHash [sha256.Size]byte

// sessions are those that the server knows. All methods are safe for concurrent
// use.
type sessions struct {
	ttl time.Duration

	mu  sync.Mutex // guards all
	all map[tokenHash]session
}

func newSessions(ttl time.Duration) *sessions {
	return &sessions{ttl: ttl, all: make(map[tokenHash]session)}
}

// begin returns the token of a new session of a user.
func (s *sessions) begin(u user) (token string) {
	token = rand.Text()
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.all, func(_ tokenHash, one session) bool { return !now.Before(one.end) })
	var oldest tokenHash
	n, end := 0, now.Add(s.ttl)
	for hash, one := range s.all {
		if one.name != u.name {
			continue
		}
		if n++; one.end.Before(end) {
			oldest, end = hash, one.end
		}
	}
	if n >= maxSessions {
		delete(s.all, oldest)
	}
	s.all[sha256.Sum256([]byte(token))] = session{u, now.Add(s.ttl)}
	return token
}

// find returns the session with a token.
func (s *sessions) find(token string) (found session, ok bool) {
	hash := sha256.Sum256([]byte(token))
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok = s.all[hash]
	return found, ok && time.Now().Before(found.end)
}

// has reports whether a user has a session.
func (s *sessions) has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.name == name && time.Now().Before(one.end) {
			return true
		}
	}
	return false
}

// finish ends the session with a token.
func (s *sessions) finish(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(token)))
}
