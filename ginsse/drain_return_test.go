package ginsse_test

import (
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/adaptertest"
	"github.com/tidings-go/tidings/core/boltstore"
)

//nolint:paralleltest // It counts goroutines and descriptors.
func TestDrainReturning(t *testing.T) {
	adaptertest.Redeploy(t, adapter(), 100, func(file string) (core.Store, error) {
		return boltstore.Open(file, boltstore.Config{})
	})
}
