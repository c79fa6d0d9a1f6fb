package fibersse_test

import (
	"testing"

	"github.com/tidings-go/tidings/internal/frameworktest"
)

func TestMain(m *testing.M) { frameworktest.Main(m) }
