package core_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

// skipConfig configures the channel "a" to skip. All channels have a ring of 4.
func skipConfig() core.HubConfig {
	return core.HubConfig{RingEvents: 4, Channels: []core.ChannelConfig{{Pattern: "a", Slow: core.Skip}}}
}

// A subscriber whose next event has left the ring receives a gap, and the
// events that follow it.
func TestSkip(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, skipConfig())
		c, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"a"}})
		synctest.Wait()
		publish(t, hub, "a", numbers(1, 1)...)
		c.wants(t, "at the first", "1")
		publish(t, hub, "a", numbers(2, 6)...)
		goOn()
		c.wants(t, "let go", "1", "gap: skipped, 1 to 6")
		publish(t, hub, "a", "7", "8")
		c.wants(t, "live again", "1", "gap: skipped, 1 to 6", "7", "8")
		var gap *core.GapError
		if !errors.As(c.errs[0], &gap) || gap.Channel != "a" || gap.Reason != core.GapSkipped {
			t.Errorf("gap: got %+v, want one on a", gap)
		}
		if want := fmt.Sprintf(`tidings: skipped %s to %s on channel "a"`, gap.Oldest, gap.Newest); gap.Error() != want {
			t.Errorf("gap: got %q, want %q", gap, want)
		}
	})
}

// A subscriber that is as far behind as the ring holds skips nothing.
func TestSkipNotYet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, skipConfig())
		c, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"a"}})
		synctest.Wait()
		publish(t, hub, "a", "1")
		c.wants(t, "at the first", "1")
		publish(t, hub, "a", numbers(2, 5)...)
		goOn()
		c.wants(t, "let go", numbers(1, 5)...)
	})
}

// A subscriber that skips events of one channel loses none of the others, and
// receives the rest in the order of publication.
func TestSkipOnOneOfSeveral(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := skipConfig()
		cfg.RingEvents = 1000
		cfg.Channels[0].RingEvents = 4
		hub := openHub(t, cfg)
		sub := core.Subscription{Channels: []string{"a", "b", "c"}}
		c, goOn := consumeHalting(t, hub, sub)
		synctest.Wait()
		publish(t, hub, "b", "0")
		c.wants(t, "at the first", "b 0")
		want := []string{"b 0", "gap: skipped, 1 to 901"}
		for i := range 900 {
			channel := []string{"a", "b", "c"}[i%3]
			publish(t, hub, channel, strconv.Itoa(i))
			if channel != "a" {
				want = append(want, channel+" "+strconv.Itoa(i))
			}
		}
		goOn()
		c.wants(t, "let go", want...)
		publish(t, hub, "a", "live")
		want = append(want, "live")
		c.wants(t, "live", want...)
		if !ascending(c.ids) {
			t.Errorf("IDs: got %q, want them to go up", c.ids)
		}
		// A subscriber that resumes within what it skipped receives all of it,
		// from history.
		sub.After = c.ids[100]
		at, _ := core.ParsePosition(sub.After)
		again := consume(t, hub, sub)
		synctest.Wait()
		if got := len(again.seen()); got != 902-int(at.Seq) {
			t.Errorf("after event %d of 902: got %d events, want all that follow", at.Seq, got)
		}
	})
}

// Each channel that skips reports its gap; a channel that evicts ends the
// subscription.
func TestSkipOnSeveral(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := skipConfig()
		cfg.Channels = []core.ChannelConfig{{Pattern: "[ab]", Slow: core.Skip}}
		hub := openHub(t, cfg)
		skips, goOn := consumeHalting(t, hub, core.Subscription{Channels: []string{"a", "b"}})
		ends, goOnToo := consumeHalting(t, hub, core.Subscription{Channels: []string{"a", "b", "e"}})
		synctest.Wait()
		publish(t, hub, "a", "0")
		skips.wants(t, "at the first", "0")
		ends.wants(t, "at the first", "0")
		for i := range 10 {
			for _, channel := range []string{"a", "b", "e"} {
				publish(t, hub, channel, strconv.Itoa(i))
			}
		}
		goOn()
		goOnToo()
		skips.wants(t, "both skip", "0", "gap: skipped, 1 to 31", "gap: skipped, 1 to 31")
		ends.wants(t, "one of them evicts", "0", "gap: skipped, 1 to 31", "gap: skipped, 1 to 31", "slow")
		publish(t, hub, "b", "live")
		skips.wants(t, "live", "0", "gap: skipped, 1 to 31", "gap: skipped, 1 to 31", "b live")
	})
}

// The first pattern that matches applies; if none does, the hub's defaults.
func TestChannelConfigByPattern(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{RingEvents: 2, Channels: []core.ChannelConfig{
			{Pattern: "user/*/news", RingEvents: 3}, {Pattern: "user/*/*", RingEvents: 5}, {Pattern: "user/1/news", RingEvents: 9},
		}})
		for channel, want := range map[string]int{
			"user/1/news": 3, "user/1/mail": 5, "user/1": 2, "user/1/2/news": 2, "": 0, "other": 2,
		} {
			if channel == "" {
				continue
			}
			c := consume(t, hub, core.Subscription{Channels: []string{channel}})
			c.wants(t, "nothing yet")
			publish(t, hub, channel, numbers(1, 20)...)
			i := slices.IndexFunc(hub.Channels(), func(info core.ChannelInfo) bool { return info.Name == channel })
			if got := hub.Channels()[i].Events; got != want {
				t.Errorf("ring of %s: got %d events, want %d", channel, got, want)
			}
		}
	})
}

func TestMalformedPatternsPanic(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"HubConfig": func() { core.NewHub(core.HubConfig{Channels: []core.ChannelConfig{{Pattern: "a["}}}) },
		"Retention": func() { core.NewMemoryStore(core.Retention{Channels: []core.ChannelRetention{{Pattern: "a["}}}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: got no panic, want one", name)
				}
			}()
			f()
		}()
	}
}

// Policies leave nothing out of History. Topics skip as subscriptions do.
func TestSkipInTopics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, skipConfig())
		topic := core.NewTopic[int](hub, "a", "n")
		halted, done := make(chan struct{}), make(chan []string)
		go func() {
			var got []string
			for n, err := range topic.Subscribe(t.Context(), core.Subscription{}) {
				text := strconv.Itoa(n)
				if err != nil {
					text = errText(err)
				}
				if got = append(got, text); n == 1 {
					<-halted
				}
				if n == 11 {
					break
				}
			}
			done <- got
		}()
		synctest.Wait()
		for n := 1; n <= 10; n++ {
			if _, err := topic.Publish(t.Context(), n); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			synctest.Wait()
		}
		close(halted)
		synctest.Wait()
		if _, err := topic.Publish(t.Context(), 11); err != nil {
			t.Fatalf("Publish: %v", err)
		}
		if got, want := <-done, []string{"1", "gap: skipped, 1 to 10", "11"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// History reads events that leave the rings meanwhile from the store, on every
// channel, whatever its policy.
func TestHistoryNeverSkips(t *testing.T) {
	t.Parallel()
	for _, channels := range [][]string{{"a"}, {"a", "b"}} {
		store := alternatingStore{core.NewMemoryStore(core.Retention{Events: -1, Bytes: -1}), make(chan struct{})}
		hub := openHub(t, core.HubConfig{
			RingEvents: 1, Store: store, Channels: []core.ChannelConfig{{Pattern: "*", Slow: core.Skip}},
		})
		data := strings.Repeat("line\n", 2000)
		first := publish(t, hub, "a", "first", data, data, data, data, data, data)[0]
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				case <-store.read:
				}
				for i := range 6 {
					_, _ = hub.Publish(t.Context(), channels[i%len(channels)], core.Event{})
				}
			}
		}()
		for turn := range 40 {
			found, err := hub.History(t.Context(), core.Subscription{Channels: channels, After: first}, 1000)
			if err != nil {
				t.Errorf("%q, turn %d: got error %v, want none", channels, turn, err)
				break
			}
			for i, d := range found {
				if at, _ := core.ParsePosition(d.ID); at.Seq != uint64(i+2) {
					t.Fatalf("%q, turn %d: got event %d as the %d. after the first", channels, turn, at.Seq, i+1)
				}
			}
		}
		close(stop)
		<-stopped
	}
}
