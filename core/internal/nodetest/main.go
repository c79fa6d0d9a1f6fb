package nodetest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/tidings-go/tidings/core/history"
)

// Main runs the tests of a store, with an engine that they share, and ends the
// process: with status 1 if goroutines are left, too. If the process was started
// as a node, it is one instead: see [Serve].
func Main(m *testing.M, serve func(ctx context.Context, storage string) (history.Store, error), start func() (stop func() error, err error)) {
	if Serve(serve) {
		return
	}
	stop, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	err = stop()
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
