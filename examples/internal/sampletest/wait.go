package sampletest

import (
	"testing"
	"time"
)

// Eventually waits until something has happened.
func Eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	end := time.Now().Add(Patience)
	for !happened() {
		if time.Now().After(end) {
			t.Fatalf("%s: got none in %v", what, Patience)
		}
		<-ticker.C
	}
}
