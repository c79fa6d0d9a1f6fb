//go:build linux && !old

package contender

import (
	"context"
	"net"

	"github.com/tidings-go/tidings/core"
)

// connContext lets the library bound what the kernel holds for a client.
func connContext(ctx context.Context, conn net.Conn) context.Context {
	return core.ConnContext(ctx, conn)
}
