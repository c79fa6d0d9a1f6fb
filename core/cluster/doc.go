// Package cluster is for apps on many machines: how to choose a store that they
// share, what to expect of it, and a [Node], by which machines know of each other's
// streams.
//
// # Many machines
//
// An app that outgrows one process keeps its code and changes its store. Any
// machine publishes, all of them deliver, in one order and with the same IDs, and
// a client comes back to any of them with its last event ID. No sticky sessions
// are needed: the proxy may send a client wherever it likes.
//
//	store, err := pgstore.Open(ctx, dsn, pgstore.Config{})       // or natsstore, redisstore
//	hub := core.NewHub(core.HubConfig{Store: store})
//	node, err := cluster.Join(ctx, hub, store, cluster.Config{}) // if machines shall know of each other
//
//	node.Count("room 7")               // on all machines
//	node.Revoke(ctx, "alice", until)   // on all machines, and those that start later
//	middleware.TicketConfig{Spent: node, …}
//
// Events need no Node. To send to one stream, or to those of an identity, wherever
// they are, publish with [core.Only] and [core.ToStream] or [core.ToIdentity].
//
// # Which store
//
// Take the engine that you run already. If you run none of them: history in memory
// or in a file needs no engine, and one machine goes a long way: see below.
//
//	memory, bolt  one machine. Nothing to operate.
//	Postgres      events that commit with the app's own rows (PublishTx); durable by
//	              default. The most that survives, and the easiest to trust.
//	NATS          the shortest way between machines, and the highest rate;
//	              replicas that take over. Durable against power loss only with
//	              sync_interval: always, which is slow, or replicas on different
//	              power. Each node keeps an index of all history in memory.
//	Redis         fast, and everywhere. What was acknowledged survives a crash of
//	              Redis only with appendfsync always, and its failover not for sure.
//
// Measured on one virtual machine of two cores for nodes, engine and load together,
// events of 100 bytes, from the call of Publish on one node to the delivery on
// another:
//
//	                           published by 1 and 64    delay, p50    p99
//	Postgres                   1,500 and 23,000 /s      2.0 ms        8 ms
//	NATS                       4,400 and 36,000 /s      0.5 ms        1.5 ms
//	NATS, sync: always         1,800 and  3,800 /s      0.9 ms        2.9 ms
//	Redis, everysec            3,600 and 34,000 /s      0.6 ms        1.4 ms
//	Redis, always              1,700 and 25,000 /s      0.7 ms        1.6 ms
//
// What each of them promises, and the test that shows it, stands in the
// documentation of its package: core/pgstore, core/natsstore, core/redisstore. What
// an engine loses, clients are told of, with a reset; a position does not stand for
// another event than the one that was published with it, but for what these pages
// name.
//
// # What a Node promises
//
//	counts        are right after an Interval and the delay of the store. A node
//	              that ends without a word counts for a Timeout more.
//	revocations   hold on all nodes that can reach the store, and on nodes that
//	              start later, until they are over or restored. 100,000 identities
//	              at a time are kept for nodes that start.
//	closing       reaches the nodes that run. Streams that open later are not
//	              concerned: to keep them out, revoke their identity.
//	tickets       are redeemed once, on all nodes, as long as the store remembers
//	              its once keys: see [history.Retention], OnceWindow and OnceKeys.
//
// Nodes talk on control channels in the store, with all that the store promises:
// their messages are in one order, and one that was acknowledged gets to every
// node. No client can subscribe to a control channel, and no publisher can publish
// to one. A node reports changed counts every Interval, and nothing but a sign of
// life if there are none.
//
// While a node cannot reach the store, it neither learns of the others nor tells
// them anything: methods return an error that wraps [core.ErrUnavailable]. The
// counts of the others stay as they were.
//
// # Probes, deploys, drain
//
// A readiness probe asks [core.Hub.Ready], by [core.Readiness]: a machine that
// drains gets no new clients. [core.Hub.Health] also tells whether the store can
// be reached. Do not fail a liveness probe for that: a restart does not bring the
// engine back, and costs all streams. Nor a readiness probe, as long as all
// machines use the same engine: streams that are open stay open, new ones that
// need no history open, and the others are told to come back.
//
// A rolling deploy drains one machine at a time: [core.Hub.Drain] tells clients
// to come back, spread over a time, and the proxy sends them to the others. Leave
// room: while one of n machines is away, the others carry n/(n-1) of the clients,
// and while clients come back, they read what they missed, at most MaxReplays at a
// time. Close the Node before the hub, so that its streams do not count twice.
//
// # How large
//
// What a machine carries is measured by "go run ." in examples/bench; what an
// engine carries by "go test -run '^$' -bench ." in the folder of its store. With
// these figures, measured with 10,000 clients on a virtual machine with two cores,
// where clients come over HTTP/1.1 from a proxy that ends TLS:
//
//	a client that waits       2 KB of the process, 5 KB of the kernel
//	an event to a client      9 µs of a core
//	an event to a machine     each machine reads all events of its hub
//
// a plan on paper is, for clients that get one event a second each:
//
//	clients      machines            on each           what to look after
//	1,000        1                   1 % of a core     nothing
//	10,000       1                   9 %, 70 MB        open files: ulimit -n, the proxy's too
//	100,000      2, each for all     90 %, 0.7 GB      ports: a proxy has 28,000 to one
//	                                                   address and port, so listen on several;
//	                                                   conntrack; TLS, at the proxy
//	1,000,000    8 of 4 cores, each  1.2 cores, 1 GB   the herd when a machine dies: Retry
//	             for 125,000, 143,000                  and RetryJitter spread it, MaxReplays
//	             while one is away                     bounds what it asks of the engine; the
//	                                                   engine's traffic: events × machines
//
// What breaks first is the publish rate of one hub: it has one order, through one
// stream, row or script of the engine, and more machines do not raise it. Apps
// whose parts do not need one order have a hub each, on a schema, a stream or a
// prefix of its own: they share nothing but the server.
package cluster
