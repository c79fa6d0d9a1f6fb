package chat

import (
	"context"
	"slices"

	"github.com/tidings-go/tidings/core"
)

// Post publishes the message in the body of a request that comes with a session,
// or without. It returns the message, or a [RequestError].
//
// Without a session, a client may speak under any name: there is no login here.
// But it cannot read what is for another session.
func (r *Room) Post(ctx context.Context, session string, body []byte) (Message, error) {
	m, err := readMessage(body)
	if err != nil {
		return m, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	sender := r.seats[m.From]
	if sender != nil && session != "" && sender.identity != identity(session, m.From) {
		return m, RequestError("The name " + m.From + " is in use by somebody else.")
	}
	if !m.Private {
		return m, r.speak(ctx, m, core.Audience{})
	}
	if !slices.Contains(r.Users(), m.To) {
		return m, RequestError("There is no " + m.To + " online.")
	}
	// For the sessions that have the names now, not for those that have them later.
	to := []core.Audience{core.ToIdentity(r.seats[m.To].identity)}
	if sender != nil && m.From != m.To {
		to = append(to, core.ToIdentity(sender.identity))
	}
	return m, r.speak(ctx, m, to...)
}
