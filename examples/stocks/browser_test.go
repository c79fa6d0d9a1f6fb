package stocks_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser is a page in a browser of its own.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // It is what chromedp calls a browser.
}

// newBrowser starts a browser that the test's end ends.
func newBrowser(t *testing.T) *browser {
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
	b := &browser{t, ctx}
	b.do(chromedp.Evaluate[chromedp.Void]("0")) // starts it, without the deadline that follows
	ctx, cancel = context.WithTimeout(ctx, 4*patience)
	t.Cleanup(cancel)
	b.ctx = ctx
	return b
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

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// value returns what an expression is in the page.
func value[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("browser: %s: %v", expression, err)
	}
	return v
}

// await waits until an expression is true in the page.
func (b *browser) await(expression string) {
	b.t.Helper()
	poll := chromedp.Poll[chromedp.Void](expression,
		chromedp.WithPollingTimeout(patience), chromedp.WithPollingInterval(10*time.Millisecond))
	if err := chromedp.Do(b.ctx, poll); err != nil {
		b.t.Fatalf("browser: %s: got %v, want it true; the page says %q", expression, err,
			value[string](b, "document.body.innerText"))
	}
}

// awaitBadge waits until the badge says that.
func (b *browser) awaitBadge(want string) {
	b.t.Helper()
	b.await(fmt.Sprintf("document.getElementById('badge').textContent === %q", want))
}

// awaitMore waits until the page has got so many quotes more.
func (b *browser) awaitMore(n int) {
	b.t.Helper()
	b.await(fmt.Sprintf("window.tidings.ids.length >= %d", n+value[int](b, "window.tidings.ids.length")))
}

func (b *browser) ids() []string {
	b.t.Helper()
	return value[[]string](b, "window.tidings.ids")
}
