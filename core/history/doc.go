// Package history is the contract between a hub and a store of its events, for
// authors of stores: the interfaces, their types, and code that every store
// needs: the policy of a [Retention], and a [View] that answers queries.
//
// Programs that publish and subscribe need package core only, which has the
// same names for these types.
package history
