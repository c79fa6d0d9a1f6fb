package notifications

import (
	"context"
	"encoding/json"

	"github.com/tidings-go/tidings/core"
)

// shown is how many notifications a page shows at first.
const shown = 20

// Latest returns the last notifications, oldest first, and the ID after which a
// page opens its stream to miss none. One that is pushed meanwhile may be in
// both: its ID tells.
func Latest(ctx context.Context, hub *core.Hub) (core.State[[]json.RawMessage], error) {
	return core.LoadState(ctx, hub, func(ctx context.Context) ([]json.RawMessage, error) {
		events, err := hub.History(ctx, core.Subscription{Channels: []string{Channel}, Start: core.Last(shown)}, shown)
		list := make([]json.RawMessage, len(events))
		for i, ev := range events {
			list[i] = json.RawMessage(ev.Data)
		}
		return list, err
	})
}
