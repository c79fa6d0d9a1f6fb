package adaptertest

import "fmt"

// check compares what a client got with what was published, up to where it got
// everything. It returns how many events had to come, and how many might have.
func (c *throngClient) check(log []publication) (must, may int, err error) {
	got := c.got
	k := -1
	for _, p := range log {
		for k+1 < len(c.steps) && p.seq > c.steps[k+1].since {
			k++
		}
		var came *delivery
		for len(got) > 0 && got[0].seq <= p.seq {
			if got[0].seq < p.seq {
				return must, may, fmt.Errorf("%s got %d, which was not published", c.name, got[0].seq)
			}
			came, got = &got[0], got[1:]
		}
		if p.seq > c.until || k < 0 {
			continue
		}
		had, might := c.expects(p, k, came)
		switch {
		case had && came == nil:
			return must, may, fmt.Errorf("%s missed %+v at step %d of %+v, connected as %+v", c.name, p, k, c.steps, c.conns)
		case came != nil && !might:
			return must, may, fmt.Errorf("%s got %+v at step %d of %+v, connected as %+v", c.name, p, k, c.steps, c.conns)
		case had:
			must++
		case might:
			may++
		}
	}
	return must, may, nil
}

// expects reports whether an event had to come at a step, and whether it might
// have.
func (c *throngClient) expects(p publication, k int, came *delivery) (had, might bool) {
	now := c.steps[k]
	all := now.membership
	if k > 0 {
		all.channels |= c.steps[k-1].channels
		all.groups |= c.steps[k-1].groups
	}
	had = p.seq > now.after && c.in(p, now.membership)
	might = had || p.seq <= now.after && c.in(p, all)
	if p.stream == "" {
		return had, might
	}
	for i, conn := range c.conns {
		if conn.stream == p.stream {
			return had && p.seq > conn.from && p.seq <= conn.to, might && (came == nil || came.conn == i)
		}
	}
	return false, false
}

// in reports whether an event is for the client, with these channels and groups,
// if it is not for one stream.
func (c *throngClient) in(p publication, m membership) bool {
	return m.channels&p.channel != 0 && (p.group == 0 || m.groups&p.group != 0) && (p.identity == "" || p.identity == c.user)
}
