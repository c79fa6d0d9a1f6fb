package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/history"
	"github.com/tidings-go/tidings/core/internal/nodetest"
	"github.com/tidings-go/tidings/core/redisstore"
)

// What cannot be opened is refused, without a password in the error.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	s := server(t)
	do(t, s, []any{"config", "set", "requirepass", "right"})
	for _, url := range []string{
		"redis://user:secret@127.0.0.1:port", "redis://user:secret@\x7f", "http://user:secret@host",
		"redis://user:secret@127.0.0.1:1", "unix://user:secret@" + s.Socket(),
	} {
		_, err := redisstore.Open(t.Context(), url, redisstore.Config{Timeout: time.Second})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("Open of %q: got error %v, want one without the password", url, err)
		}
	}
	if _, err := redisstore.Open(t.Context(), shared.URL(), redisstore.Config{Prefix: "a{b"}); err == nil {
		t.Error("Open with a brace in the prefix: got no error")
	}
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"one": "127.0.0.1:1"}})
	defer func() { _ = ring.Close() }()
	if _, err := redisstore.New(t.Context(), ring, redisstore.Config{}); err == nil {
		t.Error("New with a ring: got no error")
	}
}

// A server that may evict the keys of the store is refused. One that may evict keys
// with a time to live only is not.
func TestEviction(t *testing.T) {
	t.Parallel()
	s := server(t, "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
	_, err := redisstore.Open(t.Context(), s.URL(), redisstore.Config{})
	if !errors.Is(err, redisstore.ErrEvicts) {
		t.Errorf("Open with allkeys-lru: got error %v, want ErrEvicts", err)
	}
	do(t, s, []any{"config", "set", "maxmemory-policy", "volatile-lru"})
	open(t, s, redisstore.Config{})
}

// A server that is too old is refused.
func TestVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"6.2.14": false, "7.0.15": true, "8.0.0": true, "": false} {
		if err := redisstore.Judge("# Server\r\nredis_version:"+version+"\r\n", ""); (err == nil) != want {
			t.Errorf("version %q: got error %v", version, err)
		}
	}
}

// Whatever another program writes to the keys, the store ends with an error, and
// goes on when it is gone.
func TestUnexpectedData(t *testing.T) {
	t.Parallel()
	for _, test := range [][]any{
		{"hset", "{tidings}:state", "epochs", "1 2"},
		{"hset", "{tidings}:state", "epochs", "1 2 1;"},
		{"hset", "{tidings}:state", "epochs", ""},
		{"hset", "{tidings}:state", "head", "x"},
		{"set", "{tidings}:state", "x"},
		{"xadd", "{tidings}:events", "9-0", "c", "a"},
		{"xadd", "{tidings}:events", "9-0", "c", "a", "m", "1 1 1", "v", "\x01\x00\x00\x00\x00\x00"},
		{"xadd", "{tidings}:events", "9-0", "c", "a", "m", "1 x 1 x", "v", "\x01\x00\x00\x00\x00\x00"},
		{"xadd", "{tidings}:events", "9-0", "c", "a", "m", "1 1 1 x", "v", "x"},
		{"xadd", "{tidings}:events", "9-1", "c", "a", "m", "1 1 1 x", "v", "\x01"},
		{"xadd", "{tidings}:events", "9-0", "c", "a", "m", "1 1 1 x", "v", "\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		{"xadd", "{tidings}:events", "9-0", "c", "\x00", "m", "1 1 1 x", "v", "\x01\x00\x00\x00\x00\x00"},
		{"hset", "{tidings}:channels", "a", "x"},
		{"rpush", "{tidings}:index:a", "x"},
	} {
		s := server(t)
		store := open(t, s, redisstore.Config{Poll: 5 * time.Millisecond})
		record := history.Record{Channel: "a", Body: []byte("data: x\n")}
		if _, err := store.Append(t.Context(), []history.Record{record}); err != nil {
			t.Fatal(err)
		}
		do(t, s, test)
		_, _ = store.Read(t.Context(), history.Query{Channels: []string{"a"}, Oldest: true})
		_, _ = store.Append(t.Context(), []history.Record{record})
		do(t, s, []any{"flushall"})
		limit := time.Now().Add(nodetest.Patience)
		for {
			if _, err := store.Append(t.Context(), []history.Record{record}); err == nil {
				break
			} else if time.Now().After(limit) {
				t.Errorf("%v: after all is removed: got error %v", test, err)
				break
			}
		}
	}
}
