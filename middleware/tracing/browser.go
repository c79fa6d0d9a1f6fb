package tracing

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/tidings-go/tidings/core"
)

// ErrNoObject is returned by [ToBrowser] for an event whose data is no JSON
// object.
var ErrNoObject = errors.New("tidings: the event's data is no JSON object")

// ToBrowser returns the event with the trace context of ctx in its data, as the
// member traceparent of the JSON object that the data must be: a page can then go
// on with the trace. It returns the event as it is if ctx has no trace that is
// sampled.
//
// All clients that get the event, now or from history, learn the IDs of the trace
// and of its current span, and nothing else of it.
func ToBrowser(ctx context.Context, ev core.Event) (core.Event, error) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ev, nil
	}
	data := strings.TrimSpace(ev.Data)
	if !strings.HasPrefix(data, "{") || !json.Valid([]byte(data)) {
		return ev, ErrNoObject
	}
	members := strings.TrimSpace(data[1 : len(data)-1])
	comma := ","
	if members == "" {
		comma = ""
	}
	ev.Data = `{"` + carrier + `":"` + traceparent(ctx) + `"` + comma + members + "}"
	return ev, nil
}
