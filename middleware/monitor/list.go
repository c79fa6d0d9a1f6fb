package monitor

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tidings-go/tidings/core"
	"github.com/tidings-go/tidings/middleware"
)

const (
	// pageRows is how many rows a page of a table has by default, and maxRows at
	// most.
	pageRows, maxRows = 50, 200
	// maxSearch is how many bytes of a search count.
	maxSearch = 100
	// maxShown is how many bytes are shown of a text of the app or a client.
	maxShown = 200
)

// cached keeps what is costly to measure: for a second, and for longer if it
// took long, so that it costs half a percent of a core, or oldest is reached.
type cached[T any] struct {
	mu    sync.Mutex
	at    time.Time // of the measurement
	until time.Time
	value T
}

// get returns the value, which load measures if the last one is too old.
func (c *cached[T]) get(now time.Time, load func() T) T {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(c.until) {
		c.at, c.value = now, load()
		// Shorter than the interval of the samples, which is not exact.
		c.until = now.Add(min(max(interval*9/10, share*time.Since(now)), oldest))
	}
	return c.value
}

// time returns when the value was measured.
func (c *cached[T]) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// drop frees the memory of the value.
func (c *cached[T]) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var zero T
	c.value, c.until = zero, time.Time{}
}

// selection is what the query of a table asks for.
type selection struct {
	search        string
	sort          string
	descending    bool
	offset, limit int
}

func selectionOf(query url.Values) selection {
	number := func(name string, otherwise, most int) int {
		if n, err := strconv.Atoi(query.Get(name)); err == nil && n >= 0 {
			return min(n, most)
		}
		return otherwise
	}
	s := selection{
		search: strings.ToLower(clipTo(query.Get("q"), maxSearch)),
		offset: number("offset", 0, 1<<30), limit: number("limit", pageRows, maxRows),
	}
	s.sort, s.descending = strings.CutPrefix(query.Get("sort"), "-")
	return s
}

// table is a page of a table.
type table[Row any] struct {
	// Time is when the rows were measured, in milliseconds since 1970.
	Time int64 `json:"time"`
	// Total is the number of all rows, Matched that of those that were searched for.
	Total   int   `json:"total"`
	Matched int   `json:"matched"`
	Offset  int   `json:"offset"`
	Rows    []Row `json:"rows"`
}

// pick returns a page of rows: those that match, sorted, from an offset on. An
// offset behind the last row yields the last page. all is not changed.
func pick[Row any](all []Row, s selection, match func(*Row) bool, compare func(a, b *Row) int) table[*Row] {
	found := make([]*Row, 0, len(all))
	for i := range all {
		if s.search == "" || match(&all[i]) {
			found = append(found, &all[i])
		}
	}
	if compare != nil {
		slices.SortStableFunc(found, func(a, b *Row) int {
			if s.descending {
				a, b = b, a
			}
			return compare(a, b)
		})
	}
	t := table[*Row]{Total: len(all), Matched: len(found), Offset: s.offset}
	if t.Offset >= len(found) {
		t.Offset = 0
		if s.limit > 0 && len(found) > 0 {
			t.Offset = (len(found) - 1) / s.limit * s.limit
		}
	}
	t.Rows = found[t.Offset:min(t.Offset+s.limit, len(found))]
	return t
}

// clip returns the beginning of a text, with what [middleware.Redact] needs to
// tell a secret.
func clip(text string) string { return clipTo(text, 4*maxShown) }

func clipTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}

// shown returns a text of the app or a client as the page shows it.
func shown(text string) string {
	if text == "" {
		return ""
	}
	return clipTo(middleware.Redact(clip(text)), maxShown)
}

func isGap(err error) bool {
	var gap *core.GapError
	return errors.As(err, &gap)
}

// audience returns the kind of an audience, without the name or the ID in it.
func audience(to core.Audience) string {
	kind, _, _ := strings.Cut(to.String(), ":")
	return clipTo(kind, maxShown)
}

func refuse(w http.ResponseWriter, status int) { http.Error(w, http.StatusText(status), status) }
