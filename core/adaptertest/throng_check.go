package adaptertest

import "fmt"

// check compares what a guest got with what was published, up to where it has
// got everything. It returns how many events had to come, and how many might
// have.
func (g *guest) check(log []shout) (must, may int, err error) {
	got := g.got
	k := -1
	for _, s := range log {
		for k+1 < len(g.steps) && s.seq > g.steps[k+1].since {
			k++
		}
		var came *heard
		for len(got) > 0 && got[0].seq <= s.seq {
			if got[0].seq < s.seq {
				return must, may, fmt.Errorf("%s got %d, which nobody has published", g.name, got[0].seq)
			}
			came, got = &got[0], got[1:]
		}
		if s.seq > g.until || k < 0 {
			continue
		}
		had, might := g.sees(s, k, came)
		switch {
		case had && came == nil:
			return must, may, fmt.Errorf("%s on %s missed %+v at step %d of %+v, connected as %+v", g.name, g.path, s, k, g.steps, g.visits)
		case came != nil && !might:
			return must, may, fmt.Errorf("%s on %s got %+v at step %d of %+v, connected as %+v", g.name, g.path, s, k, g.steps, g.visits)
		case had:
			must++
		case might:
			may++
		}
	}
	return must, may, nil
}

// sees reports whether an event had to come at a step, and whether it might
// have.
func (g *guest) sees(s shout, k int, came *heard) (had, might bool) {
	now := g.steps[k]
	all := now.seen
	if k > 0 {
		all.channels |= g.steps[k-1].channels
		all.groups |= g.steps[k-1].groups
	}
	had = s.seq > now.after && g.in(s, now.seen)
	might = had || s.seq <= now.after && g.in(s, all)
	if s.stream == "" {
		return had, might
	}
	// It is for one connection.
	for i, v := range g.visits {
		if v.id != s.stream {
			continue
		}
		return had && s.seq > v.from && s.seq <= v.to, might && (came == nil || came.visit == i)
	}
	return false, false
}

// in reports whether an event is for one who sees so much, if it is for no
// stream of another's.
func (g *guest) in(s shout, all seen) bool {
	return all.channels&(1<<s.channel) != 0 &&
		(s.group < 0 || all.groups&(1<<s.group) != 0) &&
		(s.person < 0 || s.person == g.person)
}
