package redisstore

import (
	"strconv"
	"strings"
	"sync"
)

// linkOf returns the link of the entries of a batch, as append.lua makes it.
func linkOf(writer string, batch int64) string { return writer + "." + strconv.FormatInt(batch, 10) }

// chain has the links of the newest entries that were seen. Each entry names the
// link of the one before: if data went back in time without another sign, the
// entries that came since do not follow those that were delivered, although their
// positions do. It is safe for concurrent use.
type chain struct {
	mu    sync.Mutex
	links [256]struct {
		seq  uint64
		link string
	}
}

// add notes the link of an entry.
func (c *chain) add(seq uint64, link string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	one := &c.links[seq%uint64(len(c.links))]
	one.seq, one.link = seq, link
}

// at returns the link of the entry with a sequence number, or "" if it is not known.
func (c *chain) at(seq uint64) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if one := c.links[seq%uint64(len(c.links))]; one.seq == seq {
		return one.link
	}
	return ""
}

// holds reports whether the entry with a sequence number is known to have that
// link.
func (c *chain) holds(seq uint64, link string) bool {
	return link != "" && c.at(seq) == link
}

// own returns the link of the entry.
func (f fields) own() string {
	link, _, _ := strings.Cut(f.link, " ")
	return link
}

// before returns the link of the entry before.
func (f fields) before() string {
	link, before, ok := strings.Cut(f.link, " ")
	if !ok {
		return link
	}
	return before
}
