package tracing_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware/tracing"
)

func ExampleObserve() {
	spans := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(spans))
	hub := core.NewHub(core.HubConfig{})
	defer tracing.Observe(hub, tracing.Config{TracerProvider: provider})()

	ctx, span := provider.Tracer("app").Start(context.Background(), "order")
	_, err := hub.Publish(ctx, "orders", core.Event{Data: "17"})
	span.End()
	for _, span := range spans.GetSpans() {
		fmt.Println(span.Name, err)
	}
	// Output:
	// sse publish <nil>
	// order <nil>
}

func ExampleToBrowser() {
	provider := sdk.NewTracerProvider()
	ctx, span := provider.Tracer("app").Start(context.Background(), "order")
	defer span.End()

	ev, err := tracing.ToBrowser(ctx, core.Event{Data: `{"order": 17}`})
	id := span.SpanContext().SpanID().String()
	fmt.Println(strings.Contains(ev.Data, id), strings.HasSuffix(ev.Data, `"order": 17}`), err)
	// In the page: const {traceparent, order} = JSON.parse(event.data)

	// Output: true true <nil>
}

func TestToBrowser(t *testing.T) {
	t.Parallel()
	ctx, span := newRecorder(t, sdk.AlwaysSample()).Tracer("test").Start(t.Context(), "root")
	defer span.End()
	id := fmt.Sprintf("00-%s-%s-01", span.SpanContext().TraceID(), span.SpanContext().SpanID())
	for data, want := range map[string]string{
		`{}`: `{"traceparent":"` + id + `"}`, " { \"a\":\t1 }\n": `{"traceparent":"` + id + `","a":` + "\t" + `1}`,
		"": "", "1": "", "[]": "", "{": "", `{"a":1} {}`: "", `"{}"`: "",
	} {
		got, err := tracing.ToBrowser(ctx, core.Event{Data: data})
		if want == "" && (!errors.Is(err, tracing.ErrNoObject) || got.Data != data) {
			t.Errorf("%q: got %q, %v, want ErrNoObject", data, got.Data, err)
		}
		if want != "" && (err != nil || got.Data != want) {
			t.Errorf("%q: got %q, %v, want %q", data, got.Data, err, want)
		}
	}
	if got, err := tracing.ToBrowser(t.Context(), core.Event{Data: "text"}); err != nil || got.Data != "text" {
		t.Errorf("without a trace: got %q, %v, want the event as it is", got.Data, err)
	}
}

// What is not sampled leaves no span, and no trace in an entry.
func TestNotSampled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sampler sdk.Sampler
		roots   bool
		inTrace bool
		spans   int
	}{
		"not sampled":          {sdk.NeverSample(), true, true, 0},
		"no trace":             {sdk.AlwaysSample(), false, false, 0},
		"no trace, but roots":  {sdk.AlwaysSample(), true, false, 1},
		"in a trace":           {sdk.AlwaysSample(), false, true, 2},
		"sampled by its trace": {sdk.ParentBased(sdk.AlwaysSample()), false, true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := core.NewMemoryStore(core.Retention{})
			hub, spans := core.NewHub(core.HubConfig{Store: store}), newRecorder(t, test.sampler)
			defer func() { _ = hub.Close() }()
			defer tracing.Observe(hub, tracing.Config{TracerProvider: spans, Roots: test.roots})()
			ctx := t.Context()
			if test.inTrace {
				inner, span := spans.Tracer("test").Start(ctx, "root")
				defer span.End()
				ctx = inner
			}
			if _, err := hub.Publish(ctx, "a", core.Event{Data: "1"}); err != nil {
				t.Fatal(err)
			}
			page, err := store.Read(ctx, core.Query{Channels: []string{"a"}, Oldest: true, MaxEvents: 1, MaxBytes: 1})
			if err != nil {
				t.Fatal(err)
			}
			want := min(test.spans, 1) // the root has not ended
			if got := spans.all(); len(got) != want || (page.Entries[0].Trace() != "") != (want > 0) {
				t.Errorf("got spans %q and the trace %q, want %d spans", got, page.Entries[0].Trace(), want)
			}
		})
	}
}

// What failed says why, without secrets; channels and paths are as configured.
func TestConfig(t *testing.T) {
	t.Parallel()
	hub, spans := core.NewHub(core.HubConfig{}), newRecorder(t, sdk.AlwaysSample())
	stop := tracing.Observe(hub, tracing.Config{
		TracerProvider: spans, Channels: true, Roots: true, TrustClients: true,
		Path: func(*http.Request) string { return "/route" },
	})
	if _, err := hub.PublishBatch(t.Context(), core.Publication{Channel: "news"}, core.Publication{Channel: "news"}); err != nil {
		t.Fatal(err)
	}
	spans.wait(t, "sse publish", "messaging.batch.message_count=2 messaging.destination.name=news messaging.message.id=")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/secret", http.NoBody)
	r.Header.Set("Traceparent", claimed)
	core.NewGate(hub, core.GateConfig{}).SubscribeFunc(func(h *core.Handshake) (core.Subscription, error) {
		h.OnOpen(func() { _ = h.Close() })
		return core.Subscription{Channels: []string{"news"}}, nil
	}).ServeHTTP(httptest.NewRecorder(), r)
	span := spans.wait(t, "sse open", `url.path=/route tidings.resumes=false messaging.destination.name=["news"]`)
	if !strings.Contains(claimed, span.Parent.SpanID().String()) {
		t.Errorf("opening: got parent %v, want the client's", span.Parent)
	}
	if err := hub.Close(); err != nil {
		t.Fatal(err)
	}
	_, _ = hub.Publish(t.Context(), "news", core.Event{})
	spans.wait(t, "sse publish", "hub closed")
	stop()
	before := len(spans.all())
	_, _ = hub.Publish(t.Context(), "news", core.Event{})
	if got := len(spans.all()); got != before {
		t.Errorf("spans after stop: got %d, want %d", got, before)
	}
}
