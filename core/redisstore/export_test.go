package redisstore

// WithTombs returns the configuration with another number of channels without
// events that are remembered one by one.
func (c Config) WithTombs(n int) Config {
	c.tombs = n
	return c
}

// IsAway is isAway.
var IsAway = isAway

// Judge is judge.
var Judge = judge
