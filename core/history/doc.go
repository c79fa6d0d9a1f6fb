// Package history is what a store of a hub's events is, for those who write one:
// the contract, the types that stand in it, and what every store needs.
//
// Programs that publish and subscribe need package core only, whose names for
// these types are the same.
package history
