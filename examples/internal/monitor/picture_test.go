package monitor_test

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/tidings-go/tidings/examples/internal/sampletest"
)

// pictures are those of the package's documentation.
var pictures = []struct {
	name          string
	width, height int64
	scheme        string
	table         string // its key
}{
	{"screenshot.png", 1280, 860, "light", "2"},
	{"dark.png", 1280, 860, "dark", "1"},
	{"phone.png", 390, 844, "light", "2"},
	{"phone-dark.png", 390, 844, "dark", "2"},
}

const folder = "../../../middleware/monitor/"

// maxPicture is the size of a picture at most, in bytes.
const maxPicture = 150 << 10

// TestPictures takes the pictures with -update, and otherwise checks that they
// are there. Take them with -streams 5000.
func TestPictures(t *testing.T) {
	t.Parallel()
	if sampletest.Updates() {
		take(t)
	}
	for _, p := range pictures {
		f, err := os.Open(folder + p.name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := png.DecodeConfig(f)
		info, statErr := f.Stat()
		_ = f.Close()
		if err != nil || statErr != nil || int64(got.Width) != p.width || info.Size() > maxPicture {
			t.Errorf("%s: got %d pixels, %v bytes and error %v, want %d, and %d bytes at most", p.name, got.Width, info.Size(), err, p.width, maxPicture)
		}
	}
}

func take(t *testing.T) {
	t.Helper()
	s := newSite(t, *streams, 12)
	s.publish(40*time.Millisecond, chat)
	s.publish(15*time.Millisecond, video)
	b := sampletest.NewBrowserFor(t, 5*time.Minute)
	b.Do(chromedp.Navigate(s.url + "/monitor/"))
	b.AwaitText("#badge", "Live")
	b.Do(chromedp.Evaluate[chromedp.Void]("document.querySelector('[data-minutes=\"1\"]').click()"))
	for range 50 {
		wait(time.Second)
		for range 5 {
			s.connect("channels=status&user=late", true)
		}
	}
	for _, p := range pictures {
		b.Do(chromedp.EmulateViewport(p.width, p.height))
		b.Do(media(p.scheme), chromedp.KeyEvent(p.table))
		if p.height > p.width && p.scheme == "dark" {
			b.Do(chromedp.Evaluate[chromedp.Void]("document.querySelector('[role=tablist]').scrollIntoView()"))
		}
		wait(2500 * time.Millisecond)
		picture, err := chromedp.Run(b.Context, chromedp.CaptureScreenshot())
		if err == nil {
			err = write(folder+p.name, picture)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// write writes a picture to a file, in 256 colors.
func write(name string, picture []byte) error {
	decoded, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return err
	}
	few := image.NewPaletted(decoded.Bounds(), colors(decoded))
	draw.Draw(few, few.Bounds(), decoded, image.Point{}, draw.Src)
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err = encoder.Encode(&small, few); err != nil {
		return err
	}
	return os.WriteFile(name, small.Bytes(), 0o644)
}

// colors returns the 256 most frequent colors of a picture that differ clearly.
func colors(of image.Image) color.Palette {
	counts := make(map[color.Color]int)
	for y := range of.Bounds().Dy() {
		for x := range of.Bounds().Dx() {
			counts[of.At(x, y)]++
		}
	}
	most := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int { return cmp.Compare(counts[b], counts[a]) })
	var chosen color.Palette
	for _, c := range most {
		if len(chosen) < 256 && (len(chosen) == 0 || distance(c, chosen.Convert(c)) > 8) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// distance is the largest difference of red, green or blue, of 255.
func distance(a, b color.Color) int {
	part := func(a, b uint32) int { return max(int(a>>8)-int(b>>8), int(b>>8)-int(a>>8)) }
	ar, ag, ab, _ := a.RGBA()
	br, bg, bb, _ := b.RGBA()
	return max(part(ar, br), part(ag, bg), part(ab, bb))
}

// media has the browser prefer a color scheme.
func media(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}
