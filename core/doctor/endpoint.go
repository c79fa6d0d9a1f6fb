package doctor

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/tidings-go/tidings/core"
)

const minToken = 16

// EndpointConfig configures [Endpoint]. Either Token or BehindLogin is needed.
type EndpointConfig struct {
	// Token is the secret that a request must bring to be served, of 16 bytes
	// or more. Default: none.
	Token string
	// BehindLogin says that strangers do not reach the route, because a login of
	// the app's stands before it, or Gate.Middleware holds one. Default: false.
	BehindLogin bool
	// MaxStreams is the maximum number of streams at a time; a further one is
	// refused with 429. One run of the doctor takes five. Default: 10.
	MaxStreams int
	// MaxTime is how long a stream may take; a request for a longer one is
	// refused with 400. Default: 10 minutes.
	MaxTime time.Duration
	// Gate configures the streams, as it does those of the app. Its Middleware
	// runs first. Its Heartbeat and Lifetime do not apply: the doctor measures
	// how long a stream may be silent, and open. Nor does RefuseByStatus: the
	// doctor is told of refusals by their status. The probe is like a
	// subscription; with [core.ResponseConn] it is like a handler's stream.
	Gate core.GateConfig
}

func (c EndpointConfig) withDefaults() EndpointConfig {
	if c.MaxStreams <= 0 {
		c.MaxStreams = 10
	}
	if c.MaxTime <= 0 {
		c.MaxTime = 10 * time.Minute
	}
	return c
}

// Endpoint returns an endpoint that answers [Examine]: the probe. Mount it
// where the app's own streams are, behind the same middleware and the same
// proxies. It is an [http.Handler], and the packages ginsse and fibersse serve
// it in Gin and in Fiber.
//
// The probe has a hub of its own: what it sends does not go into the app's
// history, and its streams neither call the app's hooks nor count for presence.
// They end when their server shuts down. Of a request, the probe says what the
// app received; it says nothing about other requests, nor about the app. Its
// streams send 90 KiB in 3 seconds, or what the client asks for within the
// bounds of the config.
//
// Endpoint panics if the config has neither Token nor BehindLogin, or if the
// token is shorter than 16 bytes.
func Endpoint(cfg EndpointConfig) *core.Endpoint {
	switch {
	case cfg.Token == "" && !cfg.BehindLogin:
		panic("tidings: a probe without a token that is not behind a login")
	case cfg.Token != "" && len(cfg.Token) < minToken:
		panic("tidings: a probe's token is shorter than 16 bytes")
	}
	p := &probe{hub: core.NewHub(core.HubConfig{}), open: cfg.Token == "", cfg: cfg.withDefaults()}
	p.runs.limit = runsEach * p.cfg.MaxStreams
	p.token = sha256.Sum256([]byte(cfg.Token))
	gate := cfg.Gate
	gate.Heartbeat, gate.Lifetime = -1, 0
	gate.RefuseByStatus = true // a short stream would be taken for one that was cut
	gate.Middleware = append(slices.Clone(gate.Middleware), p.admit)
	return core.NewGate(p.hub, gate).SubscribeFunc(p.subscribe)
}
