package core_test

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain finds goroutines that tests leave behind. While fuzzing there are
// others, of the testing package.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		os.Exit(m.Run())
	}
	if f := flag.Lookup("test.fuzzworker"); f != nil && f.Value.String() == "true" {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}
