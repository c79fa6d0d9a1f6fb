//go:build race

package main_test

// raceFlag has the programs built like the test.
const raceFlag = "-race=true"
