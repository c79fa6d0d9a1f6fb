package history

import "fmt"

// GapError says that what follows a client's last event ID is not there any
// more, or cannot be told.
type GapError struct {
	// Reason is one of the Gap constants.
	Reason GapReason
	// Channel is the channel that it is about, for [GapSkipped]; otherwise it is
	// about all channels of the subscription.
	Channel string
	// Oldest and Newest are the bounds of what is kept; for [GapSkipped], what
	// follows Oldest, up to Newest, is what was left out.
	Oldest, Newest Position
}

// GapReason says why there is a gap.
type GapReason string

// The reasons for a gap.
const (
	// GapTrimmed means that the events were there, and are trimmed.
	GapTrimmed GapReason = "trimmed"
	// GapRestarted means that the ID is from before a restart.
	GapRestarted GapReason = "restarted"
	// GapUnknown means that nobody knows the ID.
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
