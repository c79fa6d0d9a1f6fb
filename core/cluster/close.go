package cluster

import (
	"context"
	"errors"
)

// CloseStream ends the stream with this ID, on whatever node it is. The reason is
// that of [core.Stream.CloseWith], as text. It returns when all nodes will be
// told, and is no error if there is no such stream.
func (n *Node) CloseStream(ctx context.Context, id, reason string) error {
	return n.say(ctx, message{Kind: kindClose, Stream: id, Reason: reason})
}

// CloseIdentity is [core.Hub.CloseIdentity] on all nodes.
func (n *Node) CloseIdentity(ctx context.Context, name, reason string) error {
	return n.say(ctx, message{Kind: kindClose, Identity: name, Reason: reason})
}

// CloseChannel is [core.Hub.CloseChannel] on all nodes.
func (n *Node) CloseChannel(ctx context.Context, channel, reason string) error {
	return n.say(ctx, message{Kind: kindClose, Channel: channel, Reason: reason})
}

// closeHere ends the streams of this node that a message is about.
func (n *Node) closeHere(m message) {
	reason := errors.New(m.Reason)
	switch {
	case m.Stream != "":
		if s := n.hub.Stream(m.Stream); s != nil {
			s.CloseWith(reason)
		}
	case m.Identity != "":
		n.hub.CloseIdentity(m.Identity, reason)
	case m.Channel != "":
		n.hub.CloseChannel(m.Channel, reason)
	}
}
