package history

import "fmt"

// GapError says that events after a client's last event ID are gone, or that it
// cannot be determined which events follow it.
type GapError struct {
	// Reason is one of the Gap constants.
	Reason GapReason
	// Channel is the channel of a [GapSkipped]. It is empty for other reasons,
	// which concern all channels of the subscription.
	Channel string
	// Oldest and Newest are the positions of the oldest and the newest entry that
	// are kept. For [GapSkipped], the entries after Oldest, up to and including
	// Newest, were left out.
	Oldest, Newest Position
}

// GapReason says why there is a gap.
type GapReason string

// The reasons for a gap.
const (
	// GapTrimmed means that the events were kept once, and have been trimmed.
	GapTrimmed GapReason = "trimmed"
	// GapRestarted means that the ID comes from before a restart.
	GapRestarted GapReason = "restarted"
	// GapUnknown means that the store does not know the ID.
	GapUnknown GapReason = "unknown"
	// GapSkipped means that a subscriber was too slow for a channel whose policy
	// lets it skip.
	GapSkipped GapReason = "skipped"
)

// Error returns the reason and the bounds.
func (e *GapError) Error() string {
	if e.Reason == GapSkipped {
		return fmt.Sprintf("tidings: skipped %s to %s on channel %q", e.Oldest, e.Newest, e.Channel)
	}
	return fmt.Sprintf("tidings: gap (%s): kept are %s to %s", string(e.Reason), e.Oldest, e.Newest)
}
