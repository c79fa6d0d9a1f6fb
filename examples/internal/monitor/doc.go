// Package monitor has the test of middleware/monitor in a browser, with
// thousands of streams, and takes its pictures.
package monitor
