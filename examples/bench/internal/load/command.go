//go:build linux

// Package load is the load program: thousands of event stream clients on raw
// sockets in one thread. It takes commands as lines of JSON from its standard
// input, one at a time, and answers each with a line on its standard output.
package load

import "time"

// Command asks the load to do something.
type Command struct {
	// Do is "connect", "wait", "mark", "release", "reset", "report", "leave" or
	// "close". Mark ends a part of what is measured, release has the clients read
	// as fast as they can, and leave has one of them close its connection the way
	// a browser does, with FIN.
	Do string `json:"do"`

	// Of connect: open Clients connections to Addr, each asking for one of
	// Channels in turn, no more than Window of them waiting for their head at a
	// time. With Resume, those of before come back, with their last event ID.
	Addr     string `json:"addr,omitempty"`
	Clients  int    `json:"clients,omitempty"`
	Channels int    `json:"channels,omitempty"`
	Window   int    `json:"window,omitempty"`
	Resume   bool   `json:"resume,omitempty"`
	// Stalled is how many of the clients do not read what follows the head.
	Stalled int `json:"stalled,omitempty"`
	// Rate is how many bytes each client reads in a second, in small pieces and
	// from a small socket, until a release. 0: no limit.
	Rate int `json:"rate,omitempty"`
	// Keys is how many keys the events of a channel are about: the event with
	// the number n is about key n modulo Keys.
	Keys int `json:"keys,omitempty"`

	// Of wait: until Events have come, until every client that reads has seen
	// the event with the number Seq, or, with Quiet, until nothing has come for
	// so long, whatever is first.
	Events int64         `json:"events,omitempty"`
	Seq    int64         `json:"seq,omitempty"`
	Quiet  time.Duration `json:"quiet,omitempty"`

	// Of connect and wait: give up after this time.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// Report is the answer to a command. Counts are those since the last reset.
type Report struct {
	// Took is how long the command took.
	Took time.Duration `json:"took"`
	// TimedOut reports whether the command was given up.
	TimedOut bool `json:"timedOut,omitempty"`
	// Open is how many clients have a stream.
	Open int `json:"open"`
	// Refused counts the clients that got no stream, Disconnected those that
	// lost theirs. The clients that do not read are counted apart.
	Refused             int `json:"refused"`
	Disconnected        int `json:"disconnected"`
	StalledDisconnected int `json:"stalledDisconnected"`
	// Events counts what was delivered, each event once for each client;
	// Duplicates what came again. Missing counts the events that were skipped:
	// numbers between one event and the next.
	Events     int64 `json:"events"`
	Duplicates int64 `json:"duplicates"`
	Missing    int64 `json:"missing"`
	// Current is how many clients have seen the event that a wait was for.
	Current int `json:"current"`
	// Latest counts for every client the keys of which it has seen the latest
	// event, as of the event that a wait was for.
	Latest int `json:"latest,omitempty"`
	// First and Last are when the first and the last event came, by wire.Now.
	First int64 `json:"first"`
	Last  int64 `json:"last"`
	// Left is when the client of a leave left, by wire.Now. 0: none has a stream.
	Left int64 `json:"left,omitempty"`
	// Bytes counts what was read, Reads in how many pieces.
	Bytes int64 `json:"bytes"`
	Reads int64 `json:"reads"`
	// Delays are from the time when an event was due to when it was read.
	P50 time.Duration `json:"p50"`
	P90 time.Duration `json:"p90"`
	P99 time.Duration `json:"p99"`
	Max time.Duration `json:"max"`
	// Parts are the medians of the delays of the parts that have ended.
	Parts []time.Duration `json:"parts,omitempty"`
	// Error says why the command could not be carried out.
	Error string `json:"error,omitempty"`
}
