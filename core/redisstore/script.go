package redisstore

import (
	"context"
	"embed"
	"errors"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/tidings-go/tidings/core/history"
)

//go:embed scripts/*.lua
var sources embed.FS

// scripts are the programs that run in Redis. Each of them is atomic, and bounded.
type scripts struct {
	begin, append, tail                *redis.Script
	read, newest, resolve              *redis.Script
	forget                             *redis.Script
	claim, trim, oldest, bound, expire *redis.Script
}

func newScripts() scripts {
	const reads, writes, frees = "no-writes", "", "allow-oom"
	return scripts{
		begin: newScript("begin", writes), append: newScript("append", writes), tail: newScript("tail", reads),
		read: newScript("read", reads), newest: newScript("newest", reads), resolve: newScript("resolve", reads),
		forget: newScript("forget", frees),
		claim:  newScript("claim", frees), trim: newScript("trim", frees), oldest: newScript("oldest", reads),
		bound: newScript("bound", frees), expire: newScript("once", frees),
	}
}

// newScript returns a script that can use all of lib.lua.
func newScript(name, flags string) *redis.Script {
	library, err := sources.ReadFile("scripts/lib.lua")
	if err != nil {
		panic(err) // it is embedded
	}
	text, err := sources.ReadFile("scripts/" + name + ".lua")
	if err != nil {
		panic(err)
	}
	return redis.NewScript("#!lua flags=" + flags + "\n" + string(library) + string(text))
}

// errStale means that the storage is not there, may have gone back in time, or is
// in an epoch of which the sinks have not been told.
var errStale = errors.New("redis was started, or lost its data")

// call runs a script. It returns errStale if the script found no storage that is
// as it was left.
func (s *Store) call(ctx context.Context, script *redis.Script, keys []string, args ...any) (*answer, error) {
	ctx, cancel := s.within(ctx)
	defer cancel()
	master, err := s.master(ctx)
	if err != nil {
		return nil, err
	}
	values, err := script.Run(ctx, master, keys, args...).Slice()
	return newAnswer(values, s.moved(ctx, err))
}

// answer reads what a script returned. The first value that is not as it should be
// ends it with an error.
type answer struct {
	values []any
	err    error
}

func newAnswer(values []any, err error) (*answer, error) {
	if err == nil && len(values) == 0 {
		err = errStale
	}
	return &answer{values: values}, err
}

// errAnswer means that the keys of the store hold what it has not written.
var errAnswer = errors.New("tidings: redis: unexpected data")

func (a *answer) next() any {
	if len(a.values) == 0 {
		a.err = errAnswer
		return nil
	}
	v := a.values[0]
	a.values = a.values[1:]
	return v
}

func (a *answer) more() bool { return a.err == nil && len(a.values) > 0 }

func (a *answer) text() string {
	text, ok := a.next().(string)
	if !ok {
		a.err = errAnswer
	}
	return text
}

// number returns a number, which is not negative.
func (a *answer) number() uint64 {
	n, err := strconv.ParseUint(a.text(), 10, 64)
	if err != nil {
		a.err = errAnswer
	}
	return n
}

// kept returns what is kept of so many channels.
func (a *answer) kept() history.Kept {
	return history.Kept{Oldest: a.number(), Newest: a.number(), Gone: a.number()}
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
