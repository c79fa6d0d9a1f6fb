package tracing

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

// Config configures [Observe]. The zero value is ready to use.
type Config struct {
	// TracerProvider makes the spans. Default: [otel.GetTracerProvider].
	TracerProvider trace.TracerProvider
	// Channels puts the names of channels into spans. Default: not.
	Channels bool
	// Path returns what spans call the path of a request: the route, if paths hold
	// what should not be traced. Default: the URL's path, by [middleware.Redact].
	Path func(r *http.Request) string
	// TrustClients makes the opening of a stream part of the trace that its client
	// claims, which may then choose that it is sampled: for requests of your own
	// services. Default: a trace of its own, with a link.
	TrustClients bool
	// Roots begins a trace for events that are published without one. Default: they
	// are not traced.
	Roots bool
}

// Observe traces a hub until the returned function is called. Both are safe for
// concurrent use.
func Observe(hub *core.Hub, cfg Config) (stop func()) {
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.Path == nil {
		cfg.Path = func(r *http.Request) string { return middleware.Redact(r.URL.Path) }
	}
	t := &tracer{Config: cfg, Tracer: cfg.TracerProvider.Tracer("github.com/tidings-go/tidings/middleware/tracing")}
	return hub.Observe(core.Observer{
		Opened: func(h *core.Handshake, _ time.Duration) { t.opening(h).End() },
		Refused: func(h *core.Handshake, sum core.Summary) {
			span := t.opening(h)
			refused(span, sum)
			span.End()
		},
		Publish:   t.publish,
		Delivered: t.delivered,
	})
}

// tracer makes the spans of one hub.
type tracer struct {
	trace.Tracer
	Config
}

// carrier is the form in which an entry carries its trace context.
const carrier = "traceparent"

// opening starts the span of a request for a stream at the time at which it came.
func (t *tracer) opening(h *core.Handshake) trace.Span {
	r := h.Request()
	ctx := r.Context()
	options := []trace.SpanStartOption{
		trace.WithTimestamp(h.Since()),
		trace.WithAttributes(
			attribute.String("messaging.system", "tidings"), attribute.String("messaging.operation.name", "open"),
			attribute.String("url.path", t.Path(r)), attribute.Bool("tidings.resumes", h.LastEventID() != ""),
		),
	}
	if channels := h.Channels(); t.Channels && len(channels) > 0 {
		options = append(options, trace.WithAttributes(attribute.StringSlice("messaging.destination.name", channels)))
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		options = append(options, trace.WithSpanKind(trace.SpanKindServer))
		claimed := propagation.TraceContext{}.Extract(context.WithoutCancel(ctx), propagation.HeaderCarrier(r.Header))
		switch from := trace.SpanContextFromContext(claimed); {
		case t.TrustClients:
			ctx = claimed
		case from.IsValid():
			options = append(options, trace.WithLinks(trace.Link{SpanContext: from}))
		}
	}
	_, span := t.Start(ctx, "sse open", options...)
	return span
}

// refused records why a request got no stream.
func refused(span trace.Span, sum core.Summary) {
	reason := core.EndReason(sum.Reason)
	span.SetAttributes(attribute.String("error.type", reason))
	var r *core.Refusal
	if errors.As(sum.Reason, &r) {
		span.SetAttributes(attribute.Int("http.response.status_code", r.Status))
		if r.Status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, middleware.Redact(sum.Reason.Error()))
		}
	}
}

// publish starts the span of a publication.
func (t *tracer) publish(ctx context.Context, batch []core.Publication) core.Publishing {
	if !t.Roots && !trace.SpanContextFromContext(ctx).IsValid() {
		return core.Publishing{}
	}
	inner, span := t.Start(ctx, "sse publish", trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "tidings"), attribute.String("messaging.operation.name", "publish"),
	))
	if span.IsRecording() {
		if len(batch) > 1 {
			span.SetAttributes(attribute.Int("messaging.batch.message_count", len(batch)))
		}
		if t.Channels && len(batch) > 0 {
			span.SetAttributes(attribute.String("messaging.destination.name", batch[0].Channel))
		}
	}
	p := core.Publishing{Context: inner, Done: func(ids []string, err error) {
		if len(ids) > 0 {
			span.SetAttributes(attribute.String("messaging.message.id", ids[0]))
		}
		if err != nil {
			span.SetStatus(codes.Error, middleware.Redact(err.Error()))
		}
		span.End()
	}}
	if span.SpanContext().IsSampled() {
		p.Trace = traceparent(inner)
	}
	return p
}

// traceparent returns the trace context in the form of a W3C traceparent.
func traceparent(ctx context.Context) string {
	header := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, header)
	return header[carrier]
}

// delivered makes the span of a delivery.
func (t *tracer) delivered(d core.Delivered) {
	if d.Trace == "" {
		return
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{carrier: d.Trace})
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return // no trace that this package has published
	}
	_, span := t.Start(ctx, "sse deliver", trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(d.Published),
		trace.WithAttributes(
			attribute.String("messaging.system", "tidings"), attribute.String("messaging.operation.name", "deliver"),
			attribute.String("messaging.message.id", d.ID),
		))
	if t.Channels {
		span.SetAttributes(attribute.String("messaging.destination.name", d.Channel))
	}
	span.End(trace.WithTimestamp(d.Published.Add(d.Took)))
}
