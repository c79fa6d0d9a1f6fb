package ginsse

import (
	"context"

	"github.com/gin-gonic/gin"
)

// Context returns a context for any handler, not only that of a stream: the
// request's own, which ends when the client leaves and when the handler has
// returned. It is there so that a handler reads the same as with package
// fibersse, and takes nothing. net/http does not tell why the context ended: its
// cause is [context.Canceled]. Nor does it notice over HTTP/1.1 that a client
// leaves whose body the handler has not read, or who has sent the next request
// already.
func Context(c *gin.Context) context.Context { return c.Request.Context() }
