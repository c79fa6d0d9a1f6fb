package core_test

import (
	"testing"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/adaptertest"
	"github.com/tidings-go/tidings/core/internal/ssetest"
)

// TestServed tests the semantics of streams over net/http, on connections that
// core has hijacked and on responses. What an adapter can break is tested by
// TestNetHTTP.
func TestServed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, e ssetest.Env)
		// flow says that the test depends on how fast clients read. It also runs
		// over TLS and HTTP/2, where other code writes.
		flow bool
	}{
		{name: "Starts", run: servedStarts, flow: true},
		{name: "Gaps", run: servedGaps},
		{name: "Dialects", run: servedDialects},
		{name: "LongDialects", run: servedLongDialects, flow: true},
		{name: "Resets", run: servedResets},
		{name: "Ends", run: servedEnds},
		{name: "Audiences", run: servedAudiences},
		{name: "Groups", run: servedGroups},
		{name: "GroupPaging", run: servedGroupPaging},
		{name: "PassedOver", run: servedPassedOver},
		{name: "Private", run: servedPrivate},
		{name: "Change", run: servedChange},
		{name: "ChangePaging", run: servedChangePaging},
		{name: "Sessions", run: servedSessions},
		{name: "Batches", run: servedBatches},
		{name: "SlowPolicies", run: servedSlowPolicies, flow: true},
		{name: "StallTimeouts", run: servedStallTimeouts, flow: true},
		{name: "Presence", run: servedPresence},
		{name: "Lag", run: servedLag, flow: true},
		{name: "Counts", run: servedCounts},
		{name: "Kick", run: servedKick},
		{name: "KickEarly", run: servedKickEarly},
		{name: "Rights", run: servedRights},
		{name: "RightsPaging", run: servedRightsPaging},
		{name: "Revoke", run: servedRevoke},
		{name: "Expiry", run: servedExpiry},
		{name: "Full", run: servedFull},
	} {
		for _, e := range netHTTP().Envs() {
			switch e.Transport {
			case adaptertest.Plain:
			case adaptertest.TLS, adaptertest.HTTP2:
				if !test.flow || e.Conn == core.ResponseConn {
					continue
				}
			default:
				continue
			}
			t.Run(test.name+"/"+e.String(), func(t *testing.T) {
				t.Parallel()
				test.run(t, e)
			})
		}
	}
}
