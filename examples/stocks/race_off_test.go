//go:build !race

package stocks_test

// raceFlag has the programs built like the test.
const raceFlag = "-race=false"
