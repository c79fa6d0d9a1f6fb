package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/internal/frameworktest"
	"github.com/tidings-go/tidings/middleware/tracing"
)

// limit is how long a test waits before it fails.
const limit = 15 * time.Second

// claimed is the trace that a client claims.
const claimed = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// recorder keeps the spans of a tracer provider in memory.
type recorder struct {
	*sdk.TracerProvider

	spans *tracetest.InMemoryExporter
}

func newRecorder(t *testing.T, sampler sdk.Sampler) *recorder {
	t.Helper()
	r := &recorder{spans: tracetest.NewInMemoryExporter()}
	r.TracerProvider = sdk.NewTracerProvider(sdk.WithSyncer(r.spans), sdk.WithSampler(sampler))
	t.Cleanup(func() {
		if err := r.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// wait waits for a span with this name and an attribute.
func (r *recorder) wait(t *testing.T, name, attr string) tracetest.SpanStub {
	t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		for _, span := range r.spans.GetSpans() {
			if span.Name == name && strings.Contains(describe(span), attr) {
				return span
			}
		}
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("got no span %q with %q, only %q", name, attr, r.all())
		}
	}
}

func (r *recorder) all() (all []string) {
	for _, span := range r.spans.GetSpans() {
		all = append(all, describe(span))
	}
	return all
}

// describe returns all text of a span.
func describe(span tracetest.SpanStub) string {
	var text strings.Builder
	text.WriteString(span.Name)
	for _, a := range span.Attributes {
		fmt.Fprintf(&text, " %s=%s", a.Key, a.Value.Emit())
	}
	fmt.Fprint(&text, " ", span.Events, " ", span.Status.Description)
	return text.String()
}

// The spans are the same with every framework and every kind of connection.
//
//nolint:paralleltest,thelper // Each ends before the next begins, so that none leaks into another.
func TestTracing(t *testing.T) {
	frameworktest.Each(t, func(t *testing.T, mode core.ConnMode, serve func(frameworktest.Site) string) {
		hub, spans := core.NewHub(core.HubConfig{}), newRecorder(t, sdk.AlwaysSample())
		defer tracing.Observe(hub, tracing.Config{TracerProvider: spans})()
		gate := core.NewGate(hub, core.GateConfig{Conn: mode, Middleware: []core.Middleware{refuseSome}})
		site := serve(frameworktest.Site{Hub: hub, Endpoints: map[string]*core.Endpoint{
			"/news":  gate.Subscribe("news"),
			"/count": gate.Handle(func(s *core.Sender) error { return s.Send(core.Event{Data: "1"}) }),
		}})
		get(t, site+"/count?token=hidden", "")
		wantOpening(t, spans.wait(t, "sse open", "url.path=/count"))
		get(t, site+"/count?refuse=1&token=hidden", "")
		span := spans.wait(t, "sse open", "error.type=error")
		if text := describe(span); span.Status.Code != codes.Error || !strings.Contains(text, "http.response.status_code=500") ||
			!strings.Contains(text, `"https://auth.example/?(redacted)"`) {
			t.Errorf("refused: got %s, want status 500, and the reason", text)
		}
		events := make(chan string)
		go func() {
			defer close(events)
			events <- get(t, site+"/news?token=hidden", "data: traced\n")
		}()
		spans.wait(t, "sse open", "url.path=/news")
		ctx, root := spans.Tracer("test").Start(t.Context(), "root")
		for done := false; !done; {
			if _, err := hub.Publish(ctx, "news", core.Event{Name: "x", Data: "traced"}); err != nil {
				t.Fatal(err)
			}
			select { // the first ones may come before the client is there
			case _, done = <-events:
			case <-time.After(10 * time.Millisecond):
			}
		}
		root.End()
		wantDelivery(t, spans, root)
		for _, text := range spans.all() {
			if strings.Contains(text, "hidden") || strings.Contains(text, "news") && !strings.Contains(text, "/news") {
				t.Errorf("got %s, want no secret and no name of a channel", text)
			}
		}
	})
}

// wantOpening checks the span of a request that claims a trace.
func wantOpening(t *testing.T, span tracetest.SpanStub) {
	t.Helper()
	if span.SpanKind != trace.SpanKindServer || span.Parent.IsValid() || len(span.Links) != 1 ||
		!strings.Contains(claimed, span.Links[0].SpanContext.SpanID().String()) || !span.EndTime.After(span.StartTime) ||
		span.EndTime.Sub(span.StartTime) > limit {
		t.Errorf("opening: got %+v, want a span of its own with a link", span)
	}
}

// wantDelivery checks that a span of a delivery is a child of that of the same
// event's publication, which is one of root.
func wantDelivery(t *testing.T, spans *recorder, root trace.Span) {
	t.Helper()
	deliver := spans.wait(t, "sse deliver", "messaging.message.id=")
	for _, span := range spans.spans.GetSpans() {
		if span.Name != "sse publish" || span.SpanContext.SpanID() != deliver.Parent.SpanID() {
			continue
		}
		if span.Parent.SpanID() != root.SpanContext().SpanID() || span.SpanContext.TraceID() != deliver.SpanContext.TraceID() ||
			deliver.StartTime.Before(span.StartTime) || deliver.EndTime.Before(deliver.StartTime) {
			t.Errorf("delivery: got %+v of %+v, want it in the trace %s", deliver, span, root.SpanContext().TraceID())
		}
		return
	}
	t.Errorf("delivery: got %+v, want it to be a child of a publication: %q", deliver, spans.all())
}

func refuseSome(h *core.Handshake) error {
	if h.Request().URL.Query().Get("refuse") != "" {
		return fmt.Errorf("auth: %w", &url.Error{Op: "Get", URL: "https://auth.example/?token=hidden", Err: errors.New("boom")})
	}
	return nil
}

// get reads an answer up to a line, or all of it.
func get(t *testing.T, address, until string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Error(err)
		return ""
	}
	r.Header.Set("Traceparent", claimed)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	var text strings.Builder
	buf := make([]byte, 1<<10)
	for until == "" || !strings.Contains(text.String(), until) {
		n, err := answer.Body.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
	}
	return text.String()
}
