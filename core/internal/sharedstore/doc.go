// Package sharedstore has what stores have in common whose storage many machines
// share: calls of Append that share batches ([Appender]), delivery in order to
// sinks, through epochs ([Feed]), and whether the storage can be reached
// ([Health]).
package sharedstore
