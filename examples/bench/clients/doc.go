// Package clients sets Tidings' client beside its neighbours, in tests and
// benchmarks: it reads from servers that others wrote, and it reads the same
// stream as their clients do, over a loopback connection.
//
//	go test ./clients
//	go test -bench . ./clients
//
// The command contract, below it, is for a contract suite that others wrote.
package clients
