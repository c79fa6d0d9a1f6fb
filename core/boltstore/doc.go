// Package boltstore keeps the history of a hub in one file, with bbolt, so that
// clients resume after a restart: right away, before new events are published,
// with the same order and the same IDs.
//
//	store, err := boltstore.Open("history.db", boltstore.Config{})
//	if err != nil { … }
//	hub := core.NewHub(core.HubConfig{Store: store}) // which closes it
//
// # Durability
//
// An event is delivered only when its promise holds, so that no client ever
// sees one that is later lost within that promise.
//
//	              when Publish returned      kill -9 of          power loss, crash of
//	              without an error           the process         the operating system
//	SyncAlways    it is on the disk          nothing is lost     nothing is lost
//	SyncInterval  the operating system       nothing is lost     what was published in the
//	              has it                                         last Interval may be lost
//
// "On the disk" is as true as the disk is honest about its cache. Events that
// are published together are there in whole or not at all. Neither setting can
// leave a damaged file behind: the store does not use bbolt's NoSync, which
// can.
//
// With SyncAlways, all calls that publish at the same time share one commit:
// the more there are, the less each waits for the disk. With SyncInterval,
// events are written to a journal, a second file beside the first. They are
// committed at every interval, and before a read of events that are not in the
// ring of the hub.
//
// # Restarts
//
// Positions continue where they ended, in the same epoch. Only a store with
// SyncInterval that was not closed may have lost events whose IDs clients have
// seen. The next store then begins a new epoch, in which the sequence
// continues. Positions of earlier epochs stay valid as long as the file has
// their events. Positions of lost events are answered with a gap, and are never
// given to other events.
//
// # The clock
//
// Ages, idle times and the window of once keys go by the machine's clock. If
// the clock was ahead and is set back, the store finds that out when it is
// opened, or with the next event. The events in the file then count as appended
// at that moment, at the latest. A once key among them counts for one more
// window, and a retry within it publishes nothing; events reach the retention's
// age from then on. If the clock is set forward, events are older at once.
// [history.Entry.Time] stays as it was taken.
//
// # The file
//
// The file does not shrink, but trimmed events make room for new ones, so that
// the retention bounds its size. Forgotten channels and events over a bound are
// removed in parts: each commit removes more than it adds, so that removal
// keeps up with publishing; what is not removed yet counts for TotalBytes. Only
// one store at a time can have the file open. Do not replace the file by an
// older copy: the store would give positions again that clients have seen.
// Begin with a new file instead.
//
// # Speed
//
// "go test ./core/boltstore -run '^$' -bench 'Publish|Resume'", on a shared
// virtual machine of two cores (AMD EPYC) with a disk that syncs fast:
//
//	              1 publisher        64 publishers
//	SyncAlways    2,500 events/s     98,000 events/s
//	SyncInterval  107,000 events/s   138,000 events/s
//
// A page of 256 events for a client that resumes takes 0.1 ms.
//
// "go test ./core/boltstore -run Killed -v" kills a publisher twenty times, and
// finds all events for which Publish had returned, once each and in order.
package boltstore
