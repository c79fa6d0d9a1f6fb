//go:build race

package sampletest

// raceFlag has the programs built like the test.
const raceFlag = "-race=true"
