package ginsse_test

import (
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/core/doctor"
	"github.com/tidings-go/tidings/ginsse"
)

// The doctor's probe works in Gin, and finds nothing in the way of its streams.
func TestDoctor(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	engine.Use(gin.Recovery())
	handler := core.GateConfig{Conn: core.ResponseConn}
	for path, gate := range map[string]core.GateConfig{"/subscription": {}, "/handler": handler} {
		engine.GET(path, ginsse.Serve(doctor.Endpoint(doctor.EndpointConfig{BehindLogin: true, Gate: gate})))
	}
	url := serve(t, engine)
	var all sync.WaitGroup
	for _, path := range []string{"/subscription", "/handler"} {
		all.Go(func() {
			r, err := doctor.Examine(t.Context(), doctor.Config{URL: url + path, Idle: time.Second, Watch: -1})
			if err != nil || !r.Healthy() || !r.Probe || !r.Direct || r.Times.Leave == nil {
				t.Errorf("%s: got %+v, %v, want nothing in the way", path, r, err)
			}
		})
	}
	all.Wait()
}
