//go:build !race

package middleware_test

// raced reports that the race detector slows everything down.
const raced = false
