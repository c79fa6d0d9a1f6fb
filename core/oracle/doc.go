// Package oracle holds a test of the whole delivery path against an independent
// model, over real sockets.
//
// Publishers, clients that stall, break off and resume, changes of channels and
// groups, and restarts of the hub run at the same time, as a seed says. The model
// is a log of what was published and under which IDs. When a run is over, every
// byte that a client received is compared with what the log allows and demands.
//
// Plain go test runs a fixed number of operations with fixed seeds and a random
// one. For longer runs:
//
//	go test ./core/oracle -run Oracle -oracle 2h -timeout 0 -v
//	go test ./core/oracle -run Oracle -seed 42
package oracle
