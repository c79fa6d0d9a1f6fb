package core_test

import (
	"flag"
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/adaptertest"
	"github.com/tidings-go/tidings/core/boltstore"
)

// returning is the number of clients that come back to a process that drains.
var returning = flag.Int("returning", 300, "number of clients that come back to a process that drains, such as 5000")

//nolint:paralleltest // It counts goroutines and descriptors.
func TestDrainReturning(t *testing.T) {
	adaptertest.Redeploy(t, netHTTP(), *returning, func(file string) (core.Store, error) {
		return boltstore.Open(file, boltstore.Config{})
	})
}
