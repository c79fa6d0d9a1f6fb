// Package sampletest is what the samples' tests have in common: it builds a
// sample's two programs, runs them, and asks them what clients, browsers and
// operators ask. Each of its functions fails the test if it does not get what
// it is for.
package sampletest
