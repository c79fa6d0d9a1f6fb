// Package npmclients tests dialects and formats against clients that are not
// written in Go: those from npm that the dialects are for, through connections
// that are cut, a browser, and jq.
package npmclients
