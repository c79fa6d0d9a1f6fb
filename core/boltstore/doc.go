// Package boltstore keeps the history of a hub in one file, with bbolt, so that
// clients resume after a restart: right away, before anything is published,
// with the same order and the same IDs.
//
//	store, err := boltstore.Open("history.db", boltstore.Config{})
//	if err != nil { … }
//	hub := core.NewHub(core.HubConfig{Store: store}) // which closes it
//
// # Durability
//
// An event is delivered only when its promise holds, so that no client ever saw
// one that is lost afterwards within that promise.
//
//	              when Publish returned      kill -9 of          power loss, crash of
//	              without an error           the process         the operating system
//	SyncAlways    it is on the disk          nothing is lost     nothing is lost
//	SyncInterval  the operating system       nothing is lost     what was published in the
//	              has it                                         last Interval may be lost
//
// "On the disk" is as true as the disk is honest about its cache. What is
// published together is there in whole or not at all. Neither of the two can
// leave a damaged file behind: bbolt's own way to do without waiting for the
// disk, which can, is not used.
//
// With SyncAlways, all who publish at the same time share one commit: the more
// they are, the less each of them waits for the disk. With SyncInterval, events
// are put down in a journal, a second file beside the first, and committed at
// every interval, and before somebody reads what is not in the ring of the hub.
//
// # Restarts
//
// Positions go on where they ended, in the same epoch. Only when a store with
// SyncInterval was not closed, events may have been lost whose IDs clients have
// seen; the next store begins a new epoch then, in which the sequence goes on.
// Positions of the epochs before stay valid as far as the file has what they
// stand for. Those of events that were lost are answered with a gap, and are
// never given to others.
//
// # The clock
//
// Ages, idle times and the window of once keys go by the machine's clock. Where it
// was ahead and is set back, what the file has counts as appended when the store
// finds that out, at the latest: when it is opened, or with the next event. A once
// key of that time counts for one more window, and a retry within it publishes
// nothing; events get as old as the retention says, from then on. What goes by a
// clock that is set forward is older at once. [history.Entry.Time] stays as it was
// taken.
//
// # The file
//
// It does not shrink, but what is trimmed makes room for what comes, so that its
// size is bounded by the retention. What was forgotten, or is over a bound, goes
// in parts: each commit removes more than it adds, so that this keeps up with
// publishing, and what is still there counts for TotalBytes. One store at a time can have it open. A copy
// that is put in its place later gives positions again that clients have seen:
// rather begin anew.
package boltstore
