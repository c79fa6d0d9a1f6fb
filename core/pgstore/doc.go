// Package pgstore keeps the history of hubs in Postgres, so that many machines
// share it: each of them publishes, all of them deliver, in the same order and with
// the same IDs, and a client comes back to any of them with its last event ID.
//
//	store, err := pgstore.Open(ctx, "postgres://app@db/app", pgstore.Config{})
//	if err != nil { … }
//	hub := core.NewHub(core.HubConfig{Store: store}) // which closes it
//
// It needs Postgres 13 or newer, in UTF-8. [Open] creates a schema, "tidings", of
// its own. To keep that right from the app, run [Migrate] at deployment, and open
// the store with NoMigrate under a role that may call the schema's functions, read
// its tables, and do no more.
//
// # Publishing in a transaction
//
// [Store.PublishTx] publishes events with the app's own changes: they are there if
// and only if the transaction commits. It takes a transaction of pgx, or of
// database/sql, and so that of GORM and sqlx, by [SQL].
//
// Publish itself puts all events that wait into one short transaction, which locks
// a counter row: this makes the one order. PublishTx locks nothing. It adds the
// events to an outbox, and one of the nodes numbers what has committed.
//
// # What survives what
//
// An event is acknowledged when Publish has returned without an error, or when the
// transaction of PublishTx has committed. The tests are those of this package.
//
//	what happens                   what is promised, and where it is shown
//	a node ends, or kill -9        Nothing acknowledged is lost, nothing comes twice, clients resume at
//	                               any other node. (TestChaos)
//	the server ends, or kill -9    The same: streams stay open, and get what they missed when it is
//	                               back. Publishing is refused meanwhile with an error that wraps
//	                               ErrUnavailable, or waits, up to the Buffer of Config. (TestAway,
//	                               TestKilledServer)
//	an answer of the server is     The batch is sent again, and stored once. If that is not possible
//	lost                           either, Publish returns an error, and the event may be published,
//	                               once: use core.Once to try again. (TestKilledServer)
//	the node that numbers the      Another one goes on within a second. Exactly what commits is
//	outbox ends                    published. (TestPublishTx)
//	synchronous_commit is off,     What was acknowledged in the last moments may be lost. Nodes that
//	and the server crashes         delivered it notice; clients get a reset. (TestLostWithoutASign)
//	a replica is promoted that     What it does not have is lost. Clients that have seen any of it get
//	lags; a backup or a snapshot   a reset; others resume. (TestOldServer)
//	of the disk is restored
//	a dump is restored, with       The same. (TestDumpRestored, TestDumpRestoredWithoutNodes)
//	nodes running or without
//	a LISTEN is lost, also         It is noticed within Poll and Timeout; events come by polling until
//	without a sign                 then. (TestLostListener, TestSilentConnections)
//	the machine's clock is set     Events are not kept, and once keys not remembered, for longer by as
//	back                           much as it was ahead. (TestClockSetBack)
//
// In no case is a position given to another event. The store begins a new epoch
// whenever the server was started, or another program has written its data: IDs
// of events that are still there stay valid, all others are answered with a reset.
// Only a data directory that is replaced while the server runs is beyond that.
// 64 epochs are remembered: after as many starts of the server, the oldest IDs are
// unknown.
//
// A node that was away for longer than the retention keeps what it missed tells its
// subscribers so, with a reset.
//
// # PgBouncer
//
// In session mode, nothing is to be done. In transaction mode, LISTEN does not
// work: use PollOnly, which also does without prepared statements, session locks
// and settings. An event then needs up to Poll, 50 ms, to get to other nodes.
// (TestStoreBehindPgBouncer)
//
// # Retention
//
// What is over a bound is not found any more at once, except by TotalBytes and
// OnceKeys, which are enforced every Maintain. It is removed by dropping
// partitions, each for a range of positions (PartitionEvents). In a partition that
// is kept for some events, the others are deleted. (TestPartitions) Use the same
// retention on all nodes.
//
// # Limits
//
// All events of a schema go through one counter row, and all nodes read all
// events: the number of events a second is that of one node, whatever their
// number. Several schemas, with a hub each, share nothing but the server.
//
// # Speed
//
// "go test -run '^$' -bench ." in this folder starts a server with its default
// durability, and compares the store with pg_notify that carries the event, which
// stores nothing. On a quiet virtual machine of two cores, which nodes, server and
// benchmark share, and the delay from the call of Publish on one node to the delivery
// on another:
//
//	             1 publisher       64 publishers      64 on 3 nodes      delay, p50    p99
//	store        1,500 events/s    23,000 events/s    11,000 events/s    2.0 ms        8 ms
//	pg_notify    11,000 events/s   8,000 events/s                        0.3 ms        2 ms
//
// One publisher waits for the disk each time; many share the wait. With 10,000
// channels, 64 publishers got 19,000 events/s on one node, and 8,300 on three. A page
// of 256 events took 2.1 ms. The disk decides: on a busy one, 40 and 1,900 events/s
// were measured instead of 1,500 and 23,000.
package pgstore
