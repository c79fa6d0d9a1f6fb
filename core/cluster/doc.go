// Package cluster lets the machines that share a store know of each other: how
// many streams a channel has on all of them, which streams an identity has, and
// that an identity is revoked, a stream is closed, or a ticket is spent.
//
//	store, err := pgstore.Open(ctx, dsn, pgstore.Config{})
//	hub := core.NewHub(core.HubConfig{Store: store})
//	node, err := cluster.Join(ctx, hub, store, cluster.Config{})
//	…
//	node.Count("room 7")              // on all machines
//	node.Revoke(ctx, "alice", until)  // on all machines, and those that start later
//
// Events need none of this: whatever machine publishes, all deliver. To send to
// one stream, or to those of an identity, wherever they are, publish with
// [core.Only] and [core.ToStream] or [core.ToIdentity].
//
// # How it works
//
// Nodes talk on control channels in the store that they share, with all that the
// store promises: their messages are in one order, and a message that was
// acknowledged gets to every node. No client can subscribe to a control channel,
// and no publisher can publish to one. A node reports changed counts every
// Interval, and nothing but a sign of life if there are none.
//
// # What is promised
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
// While a node cannot reach the store, it neither learns of the others nor tells
// them anything: methods return an error that wraps [core.ErrUnavailable]. The
// counts of the others stay as they were.
package cluster
