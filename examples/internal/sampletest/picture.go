package sampletest

import (
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "take the pictures of the pages anew")

// Updates reports whether pictures are to be taken, by the flag -update.
func Updates() bool { return *update }

// Picture checks that a sample's picture for its README is one of that size,
// in CSS pixels. With -update, take takes it first; and another of the size of
// a phone, in the directory for temporary files.
func Picture(t *testing.T, name string, width, height int64, take func(name string, width, height int64)) {
	t.Helper()
	if *update {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		take(name, width, height)
		take(filepath.Join(os.TempDir(), filepath.Base(dir)+"-phone.png"), 390, 760)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got, err := png.DecodeConfig(f)
	if err != nil || int64(got.Width) != 2*width || int64(got.Height) != 2*height {
		t.Errorf("%s: got %d x %d and error %v, want %d x %d", name, got.Width, got.Height, err, 2*width, 2*height)
	}
}

// Resize gives the page a size in CSS pixels, of two pixels each.
func (b *Browser) Resize(width, height int64) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2)))
}

// Shoot writes a picture of the page to a file.
func (b *Browser) Shoot(name string) {
	b.t.Helper()
	picture, err := chromedp.Run(b.Context, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(name, picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
	b.t.Logf("took %s", name)
}
