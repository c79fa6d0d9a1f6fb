package sampletest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Browser is a page in a browser of its own.
type Browser struct {
	// Context is what chromedp calls a browser.
	Context context.Context //nolint:containedctx // See above.

	t *testing.T
}

// NewBrowser starts a browser that the test's end ends. Without one on the
// machine, the test is skipped; in CI it fails.
func NewBrowser(t *testing.T) *Browser {
	t.Helper()
	return NewBrowserFor(t, 4*Patience)
}

// NewBrowserFor is NewBrowser for a test that takes longer than others.
func NewBrowserFor(t *testing.T, most time.Duration) *Browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium(t)), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
	}
	for _, flag := range []string{
		"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync",
		"disable-default-apps", "disable-extensions", "disable-dev-shm-usage",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	// It makes a directory for its data, and removes it.
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &Browser{ctx, t}
	b.Do(chromedp.Evaluate[chromedp.Void]("0")) // starts it, without the deadline that follows
	ctx, cancel = context.WithTimeout(ctx, most)
	t.Cleanup(cancel)
	b.Context = ctx
	return b
}

// Tab opens another tab of the browser, which shares its storage. It has a
// window of its own, unless it is one of this tab's window: of those, only the
// one that was last brought to the front is visible. The test's end closes it, or
// close, which waits until it is closed.
func (b *Browser) Tab(ownWindow bool) (tab *Browser, closeTab func()) {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.Context, chromedp.WithNewWindow(ownWindow))
	b.t.Cleanup(cancel)
	return &Browser{ctx, b.t}, func() { _ = chromedp.Cancel(ctx) }
}

// chromium returns the path of a browser. A machine without one is no machine
// for this project's CI.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no chromium, chromium-browser or google-chrome on the PATH"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// Do has the browser do something.
func (b *Browser) Do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.Context, actions...); err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// Click clicks the element that a selector finds.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	b.Do(chromedp.Click(chromedp.CSS(selector))) // a plain string would be searched for in styles, too
}

// Value returns what an expression is in the page.
func Value[T any](b *Browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.Context, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("browser: %s: %v", expression, err)
	}
	return v
}

// Await waits until an expression is true in the page.
func (b *Browser) Await(expression string) {
	b.t.Helper()
	poll := chromedp.Poll[chromedp.Void](expression,
		chromedp.WithPollingTimeout(Patience), chromedp.WithPollingInterval(10*time.Millisecond))
	if err := chromedp.Do(b.Context, poll); err != nil {
		b.t.Fatalf("browser: %s: got %v, want it true; the page says %q", expression, err,
			Value[string](b, "document.body.innerText"))
	}
}

// AwaitText waits until the element that a selector finds has that text.
func (b *Browser) AwaitText(selector, want string) {
	b.t.Helper()
	b.Await(fmt.Sprintf("document.querySelector(%q)?.textContent === %q", selector, want))
}
