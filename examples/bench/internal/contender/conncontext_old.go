//go:build linux && old

package contender

import (
	"context"
	"net"
)

// connContext does without what an old library lacks.
func connContext(ctx context.Context, _ net.Conn) context.Context { return ctx }
