// Package redisstore keeps the history of hubs in Redis, so that many machines
// share it: each of them publishes, all of them deliver, in the same order and with
// the same IDs, and a client comes back to any of them with its last event ID.
//
//	store, err := redisstore.Open(ctx, "redis://redis:6379/0", redisstore.Config{})
//	if err != nil { … }
//	hub := core.NewHub(core.HubConfig{Store: store}) // which closes it
//
// It needs Redis 7.0 or newer, with its own persistence: an append-only file, with
// the appendfsync that the app needs. [Open] refuses a server that may evict the
// store's keys, which have no time to live: see [ErrEvicts]. With noeviction, a full
// server refuses events, and loses none.
//
// # What survives what
//
// An event is acknowledged when Publish has returned without an error. What Redis
// keeps of it depends on its settings, and on the Replicas of [Config]. The tests
// are those of this package.
//
//	what happens                   what is promised, and where it is shown
//	a client's connection ends,    Nothing acknowledged is lost, nothing comes twice, clients resume at
//	a node ends, or kill -9        any other node. (TestChaos)
//	Redis ends, or kill -9,        The same: streams stay open, and get what they missed when it is
//	with appendfsync always        back. Publishing is refused meanwhile with an error that wraps
//	                               ErrUnavailable, or waits, up to the Buffer of Config. (TestKilledServer,
//	                               TestChaos, TestAway)
//	Redis loses power, with        The same, as far as the disk keeps what was synced.
//	appendfsync always
//	Redis loses power, or          What was acknowledged in the last second or two (everysec), or since
//	kill -9, with everysec or no   the kernel wrote last (no), may be lost. Clients that have seen any of
//	                               it get a reset; others resume. (TestPowerLoss)
//	Redis ends, without an         What came after the last snapshot is lost. Clients that have seen any
//	append-only file; a snapshot   of it get a reset; others resume. (TestSnapshotRestored,
//	is restored                    TestSnapshotRestoredWithoutNodes, TestSnapshotRestoredWhileAway)
//	a replica is promoted that     The same for what it does not have: replication is asynchronous.
//	lags                           (TestPromotedReplica)
//	a replica is promoted, with    Nothing acknowledged is lost if it is one of the Replicas that had
//	Replicas of 1 or more (WAIT)   it, which is certain if there are no others. (TestPromotedInTime)
//	Sentinel promotes a replica    The same; nodes follow. (TestSentinel)
//	the network parts, and both    What was published on the side that loses is lost, acknowledged or
//	sides have a master            not. Clients that have seen any of it get a reset when it is over; IDs
//	                               of both sides are never mistaken. (TestPartition) Set Redis'
//	                               min-replicas-to-write, and Replicas, to refuse it sooner.
//	FLUSHALL, or FLUSHDB           All is lost. Clients get a reset, with nodes running or without.
//	                               (TestFlushed)
//	data go back in time in any    Nodes that delivered what is lost notice, within Poll; clients get a
//	other way                      reset. (TestLostWithoutASign)
//	Redis hangs, is loading, is    It is away: see above. (TestAway, TestAwayAnswers)
//	full, or no master
//	an answer of Redis is lost     The batch is sent again, and stored once. If that is not possible
//	                               either, Publish returns an error, and the event may be published,
//	                               once: use core.Once to try again. (TestKilledServer)
//	a connection is lost, also     It is noticed, after Timeout at the latest, that which waits for
//	without a sign                 events after Poll and Timeout. (TestLostListener,
//	                               TestSilentConnections)
//	Redis' clock is set back       Events are not kept, and once keys not remembered, for longer by as
//	                               much as it was ahead. (TestClockSetBack)
//	another program writes to      The store returns errors, until the data are removed.
//	the store's keys               (TestUnexpectedData)
//
// In no case but one is a position given to another event: if keys are restored
// while the server runs (DEBUG RELOAD, RESTORE), a node that had not seen the lost
// events may give their positions again, until another node notices, within Poll.
// The store begins a new epoch
// whenever the server was started, or a replica took its place, or data are found to
// be lost: IDs of events that are still there stay valid, all others are answered
// with a reset. 64 epochs are remembered: after as many starts of the server, the
// oldest IDs are unknown.
//
// A node that was away for longer than Redis keeps what it missed (see TailEvents of
// [Config], and the retention) tells its subscribers so, with a reset.
//
// # Keys, and Redis Cluster
//
// The names of all keys begin with the Prefix in braces, such as "{tidings}:events".
// The braces are a hash tag: in a cluster, all keys of a store, and thus a whole hub,
// are on one server, with its replicas. A cluster does not spread a hub; it spreads
// several hubs, each with a Prefix of its own. (TestCluster, TestClusterFailover)
//
// The events are one stream, whose elements are named by their positions, "17-0".
// Each channel has an index: a list of positions, a hash of the app's own IDs, and a
// sorted set of keys, where it has these. The store runs scripts, each of which does
// a bounded amount of work: a batch of Append, of which all records that were
// published together are part; a page of 256 events; some dozens of channels. The
// user of the store needs the permissions "~{tidings}*", +@connection, +@hash,
// +@list, +@sortedset, and +eval, +evalsha, +script, +info, +time, +wait, +xread,
// +xrange, +xadd, +xdel, +unlink. (TestPermissions)
//
// The client, go-redis, has a log of its own, in which it tells of connections that
// fail: see SetLogger of it.
//
// # Retention
//
// What is over a bound is not found any more at once, except by TotalBytes and
// OnceKeys, which are enforced every Maintain, and sooner if much is over them
// (TestTotalBytes). It is removed when it is older than the tail, by publishing to
// the same channel and every Maintain (TestRemoved). Of channels without events, the
// newest 65,536 are remembered one by one (TestTombs). Use the same retention on all
// nodes.
//
// # Limits
//
// All events of a hub go through one stream, and all nodes read all events: the
// number of events a second is that of one node, whatever their number. Redis keeps
// all in memory: an event with 100 bytes of data takes 180 bytes if all are on one
// channel, 270 if they are on 10,000, and up to 4 KiB if it is kept among many that
// are not.
//
// # Speed
//
// "go test -run '^$' -bench ." in this folder compares the store with PUBLISH of the
// event, which stores nothing. On a quiet virtual machine of two cores, which nodes,
// Redis and benchmark share, and the delay from the call of Publish on one node to the
// delivery on another:
//
//	                                1 publisher       64 publishers      64 on 3 nodes      delay, p50    p99
//	store, appendfsync everysec     3,600 events/s    34,000 events/s    19,000 events/s    0.6 ms        1.4 ms
//	store, appendfsync always       1,700 events/s    25,000 events/s    13,000 events/s    0.7 ms        1.6 ms
//	PUBLISH                         22,000 events/s   116,000 events/s                      0.2 ms        0.4 ms
//
// Three nodes do three times the work of one. With 10,000 channels instead of one, 64
// publishers reach 24,000 and 15,000 events/s on one and three nodes (everysec). A page
// of 256 events for a client that resumes takes 2.2 ms.
package redisstore
