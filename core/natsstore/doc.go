// Package natsstore keeps the history of hubs in NATS JetStream, so that many
// machines share it: each of them publishes, all of them deliver, in the same order
// and with the same IDs, and a client comes back to any of them with its last event
// ID.
//
//	store, err := natsstore.Open(ctx, "nats://nats-1,nats-2,nats-3", natsstore.Config{Replicas: 3})
//	if err != nil { … }
//	hub := core.NewHub(core.HubConfig{Store: store}) // which closes it
//
// It needs NATS 2.12 or newer, with JetStream. [Open] creates two streams, "TIDINGS"
// for the events and "TIDINGS_STATE" for what is known of channels, and reads them.
//
// # How it works
//
// An event is a message, and its position is the message's place in the stream,
// shifted by what the epoch began with. Every node reads the whole stream, and
// keeps in memory what it needs to answer: of each event that is kept some 250
// bytes, and of the newest events all, up to CacheBytes. Older ones are read from
// the stream when a client asks for them. A node that starts reads what the stream
// has, so starting takes as long as that: about a second for 100,000 events.
//
// Append waits until the node has read its own events back: all nodes deliver from
// the same stream, and a message that was sent twice counts once. Events that are
// published together are an atomic batch of JetStream. A once key is a subject on
// which there may be one message.
//
// # What survives what
//
// An event is acknowledged when Publish has returned without an error. JetStream
// acknowledges before it writes to the disk for good, unless the server is
// configured with "sync_interval: always"; replicas in a cluster are the other way.
// The tests are those of this package.
//
//	what happens                   what is promised, and where it is shown
//	a client is cut off            It comes back to any node with its last event ID, and gets what it
//	                               missed. (TestChaos)
//	a node ends, or kill -9        Nothing acknowledged is lost, nothing comes twice, clients resume at
//	                               any other node. (TestChaos)
//	the server ends, or kill -9,   The same: streams stay open, and get what they missed when it is
//	whatever its sync_interval     back. Publishing is refused meanwhile with an error that wraps
//	                               ErrUnavailable, or waits, up to the Buffer of Config.
//	                               (TestKilledServer, TestChaos)
//	an answer of the server is     The event is sent again when it is certain what the stream has, and
//	lost                           is published once. If that is not possible either, Publish returns
//	                               an error, and the event may be published, once: use core.Once to try
//	                               again. (TestKilledServer, TestCutConnections)
//	power loss, one server,        As kill -9: the server syncs before it acknowledges. What the tests
//	sync_interval: always          show is a server that is killed. (TestKilledServer)
//	power loss, one server,        What was acknowledged in the last two minutes may be lost. Clients
//	sync_interval by default       that have seen any of it get a reset, others resume. (TestSnapshotRestored,
//	                               TestSnapshotRestoredWithoutNodes)
//	failover: the server that      With 3 replicas, nothing acknowledged is lost, whatever the setting.
//	leads the stream ends          No event can be published until the cluster has elected another, which
//	                               took 5 to 15 seconds. (TestLeaderKilled)
//	power loss of all servers      As one server, by the setting. (TestSnapshotRestored)
//	of a cluster
//	a backup or a snapshot of      What it does not have is lost. Clients that have seen any of it get
//	the disk is restored, with     a reset, others resume. Restore both streams together.
//	nodes running or without       (TestSnapshotRestored, TestSnapshotRestoredWithoutNodes)
//	a stream is purged or          All history is lost; every client gets a reset. That is noticed within
//	deleted, or made anew          Poll: what is published until then is lost, too. The streams are
//	                               created again. (TestFlushed, TestReplacedWithoutASign)
//	an operator removes a message  Within seconds after a client has asked for it, clients get a reset,
//	                               and what else is kept. (TestMessageRemoved)
//	a partition, or a connection   It is noticed within two or three times Poll, and made anew. Streams
//	that is dead without a sign    stay open, and get what they missed. (TestSilentConnection)
//	other programs publish on      Their messages are no events. (TestStrangeMessages)
//	the subjects
//
// In no case that is listed is a position given to another event. The store begins
// a new epoch whenever the server was started, or another one leads the stream: IDs
// of events that are still there stay valid, all others are answered with a reset.
// 64 epochs are remembered: after as many changes, what is older is removed.
//
// Not covered is a server without a cluster that nodes reach through other servers,
// such as leaf nodes: its start is noticed by what it lacks only, so that a node
// that has just begun, and sees less than others did, can publish before them.
//
// A node that was away for longer than the retention keeps what it missed tells its
// subscribers so, with a reset.
//
// # Rights
//
// To keep other rights from the app, run [Create] at deployment, and open the store
// with NoCreate under a user that may subscribe to "_INBOX.>" and publish on these
// subjects, and no more (TestRights):
//
//	tidings.log.>                        tidings.state.>
//	$JS.API.STREAM.INFO.TIDINGS          $JS.API.STREAM.INFO.TIDINGS_STATE
//	$JS.API.STREAM.MSG.GET.TIDINGS       $JS.API.STREAM.MSG.GET.TIDINGS_STATE
//	$JS.API.STREAM.PURGE.TIDINGS         $JS.API.STREAM.PURGE.TIDINGS_STATE
//	$JS.API.CONSUMER.CREATE.TIDINGS.*    $JS.API.CONSUMER.CREATE.TIDINGS_STATE.*
//	$JS.API.CONSUMER.DELETE.TIDINGS.*    $JS.API.CONSUMER.DELETE.TIDINGS_STATE.*
//	$JS.API.DIRECT.GET.TIDINGS           $JS.FC.>
//
// No other user should have a right to these, above all not to "tidings.>": a user
// that may publish there can invent events. Credentials belong into Options, or into the URL,
// which no error and no log shows.
//
// # Retention
//
// What is over a bound is not found any more at once. One node at a time removes it
// from the stream, every Maintain: first it notes in "TIDINGS_STATE" what will be
// gone of a channel, then it purges the channel's subject. Of a channel that is in
// use, it does so when an eighth of the events is over a bound. (TestRemoved) Use the
// same retention on all nodes. Do not give the streams limits of their own.
//
// # Limits
//
// An event must fit into the server's max_payload, 1 MiB by default. All events of a
// stream go through the server that leads it, and all nodes read all events. Several
// streams, with a hub and a Prefix each, share nothing but the servers. One node has
// 12 batches on the way at a time, as a server takes 50 for each stream.
//
// # Speed
//
// "go test -run '^$' -bench ." in this folder starts a server, and compares the store
// with core NATS, which stores nothing, whose publisher waits until the server has the
// message. On a quiet virtual machine of two cores, which nodes, server and benchmark
// share, and the delay from the call of Publish on one node to the delivery on another:
//
//	                        1 publisher       64 publishers      64 on 3 nodes      delay, p50    p99
//	store                   4,400 events/s    36,000 events/s    28,000 events/s    0.5 ms        1.5 ms
//	store, sync: always     1,800 events/s    3,800 events/s     3,600 events/s     0.9 ms        2.9 ms
//	core NATS               11,000 events/s   89,000 events/s                       0.2 ms        0.9 ms
//
// With 10,000 channels, 64 publishers got 29,000 events/s on one node, and 15,000 to
// 20,000 on three, each of which reads all events. With sync_interval: always,
// JetStream syncs each message on its own: publishers do not share the wait for the
// disk, and the figure is that of the disk; on a busy one, 560 events/s were measured.
// Replicas in a cluster are the faster way to lose nothing.
//
// A page of 256 events took 0.4 ms from memory, and 7 ms from the stream. To start on
// a stream of 100,000 events took 0.6 s.
package natsstore
