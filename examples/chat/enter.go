package chat

import (
	"fmt"
	"net/http"

	"github.com/tidings-go/tidings/core"
)

// nameKey is what a stream's name is stored under.
type nameKey struct{}

var _ core.Middleware = (*Room)(nil).Enter

// Enter is the middleware of the room's gate. It lets a stream in under the name
// in its query, unless that is in use by another session, and says whom the
// stream belongs to: private messages are for a session, not for a name.
func (r *Room) Enter(h *core.Handshake) error {
	request := h.Request()
	name, err := checkName("username", request.URL.Query().Get("username"))
	if err != nil {
		return core.Refuse(http.StatusBadRequest, err.Error())
	}
	session := Session(request.Header.Get("Cookie"))
	if session == "" {
		var cookie string
		session, cookie = newSession()
		h.Header().Add("Set-Cookie", cookie)
	}
	id := identity(session, name)
	seat, ok := r.take(name, id)
	if !ok {
		return &core.Refusal{
			Status:     http.StatusConflict,
			Message:    fmt.Sprintf("The name %s is in use. Choose another one, or try again later.", name),
			RetryAfter: r.grace,
		}
	}
	h.OnClose(func(core.Summary) { r.giveBack(name, seat) })
	h.SetValue(nameKey{}, name)
	h.SetIdentity(id)
	return nil
}
