// Package codec compares the decoder and the encoder of Tidings with those of
// its neighbours, in benchmarks: go test -bench . ./codec
package codec
