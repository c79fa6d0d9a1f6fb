package sharedstore

import "github.com/tidings-go/tidings/core/history"

// Cursors returns a cursor for each channel over those of the entries that are on
// it.
func Cursors(channels []string, entries []*history.Entry) []history.Cursor {
	of := make(map[string][]*history.Entry, len(channels))
	for _, e := range entries {
		of[e.Channel] = append(of[e.Channel], e)
	}
	cursors := make([]history.Cursor, len(channels))
	for i, name := range channels {
		cursors[i] = &cursor{entries: of[name]}
	}
	return cursors
}

// cursor is a [history.Cursor] over entries in memory.
type cursor struct {
	entries []*history.Entry
	i       int
}

// Seek implements [history.Cursor].
func (c *cursor) Seek(after uint64) error {
	c.i = 0
	for c.i < len(c.entries) && c.entries[c.i].Seq() <= after {
		c.i++
	}
	return nil
}

// Next implements [history.Cursor].
func (c *cursor) Next() error { c.i++; return nil }

// Back implements [history.Cursor].
func (c *cursor) Back() error { c.i--; return nil }

// Seq implements [history.Cursor].
func (c *cursor) Seq() uint64 {
	if c.i < 0 || c.i >= len(c.entries) {
		return 0
	}
	return c.entries[c.i].Seq()
}

// Entry implements [history.Cursor].
func (c *cursor) Entry() (*history.Entry, error) { return c.entries[c.i], nil }
