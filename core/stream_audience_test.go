package core_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core"
)

func TestAudienceTexts(t *testing.T) {
	t.Parallel()
	for text, a := range map[string]core.Audience{
		"": {}, "group:red": core.ToGroup("red"), "identity:ann": core.ToIdentity("ann"),
		"stream:ab": core.ToStream("ab"), "group:stream:ab": core.ToGroup("stream:ab"),
		"group: é\"'<%": core.ToGroup(" é\"'<%"), "identity:group:": core.ToIdentity("group:"),
	} {
		back, err := core.ParseAudience(text)
		if a.String() != text || err != nil || back != a {
			t.Errorf("audience %q: got %q and back %q, %v, want the same", text, a, back, err)
		}
		if got, want := a.Everybody(), text == ""; got != want {
			t.Errorf("%q is the audience of all: got %t, want %t", text, got, want)
		}
	}
	if core.ToGroup("x") == core.ToIdentity("x") || core.ToStream("x") == core.ToIdentity("x") {
		t.Error("audiences of different kinds: got the same")
	}
}

// Invalid audiences are refused, and nothing is published.
func TestAudienceRefused(t *testing.T) {
	t.Parallel()
	hub := openHub(t, core.HubConfig{})
	for _, name := range []string{"", "a\nb", "a\x00", "\xff", strings.Repeat("x", core.MaxChannelBytes+1)} {
		for _, a := range []core.Audience{core.ToGroup(name), core.ToIdentity(name), core.ToStream(name)} {
			if _, err := hub.Publish(t.Context(), "a", core.Event{}, core.Only(a)); !errors.Is(err, core.ErrAudience) {
				t.Errorf("Publish %q: got %v, want ErrAudience", a, err)
			}
			_, err := hub.PublishBatch(t.Context(), core.Publication{Channel: "a"}, core.Publication{Channel: "a", To: a})
			if !errors.Is(err, core.ErrAudience) {
				t.Errorf("PublishBatch %q: got %v, want ErrAudience", a, err)
			}
			if _, err := core.ParseAudience(a.String()); !errors.Is(err, core.ErrAudience) {
				t.Errorf("ParseAudience %q: got %v, want ErrAudience", a, err)
			}
		}
	}
	for _, text := range []string{"red", "Group:red", "groups:red", ":", " "} {
		if _, err := core.ParseAudience(text); !errors.Is(err, core.ErrAudience) {
			t.Errorf("ParseAudience %q: got %v, want ErrAudience", text, err)
		}
	}
	if got := hub.Stats().Published; got != 0 {
		t.Errorf("published: got %d, want 0", got)
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		s, c := openSubscribed(t, hub, core.GateConfig{Heartbeat: -1}, core.Subscription{Channels: []string{"a"}})
		if got := s.Groups(); len(got) != 0 || s.InGroup("") || s.Identity() != "" {
			t.Errorf("at first: got groups %q, identity %q, want none", got, s.Identity())
		}
		s.Leave("none")
		if err := s.Join(); err != nil {
			t.Errorf("Join of no group: got %v, want nil", err)
		}
		if err := s.Join("b", "a", "b"); err != nil {
			t.Errorf("Join: got %v, want nil", err)
		}
		for _, wrong := range []string{"", "x\n", "\xff", strings.Repeat("x", core.MaxChannelBytes+1)} {
			if err := s.Join("c", wrong); !errors.Is(err, core.ErrGroupName) {
				t.Errorf("Join %q: got %v, want ErrGroupName", wrong, err)
			}
		}
		many := make([]string, core.MaxGroups-1)
		for i := range many {
			many[i] = fmt.Sprint("group ", i)
		}
		if err := s.Join(many...); !errors.Is(err, core.ErrTooLarge) {
			t.Errorf("Join of too many: got %v, want ErrTooLarge", err)
		}
		if got := s.Groups(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("groups: got %q, want a and b", got)
		}
		s.Groups()[0] = "changed by its owner"
		if err := s.Join(many[1:]...); err != nil || len(s.Groups()) != core.MaxGroups || !s.InGroup("a") {
			t.Errorf("Join of as many as are allowed: got %v, %d groups, want %d", err, len(s.Groups()), core.MaxGroups)
		}
		s.Leave(many...)
		s.Leave("a")
		// No stream is in the audience of an empty identity.
		for _, to := range []core.Audience{core.ToGroup("a"), core.ToIdentity("b"), core.ToStream(s.ID()[:31] + "0123"), core.ToGroup("b")} {
			if _, err := hub.Publish(t.Context(), "a", core.Event{Data: to.String()}, core.Only(to)); err != nil {
				t.Fatalf("Publish: %v", err)
			}
		}
		c.wantBlocks(t, "events", "@0", "group:b @4")
	})
}

// Filters apply to events with an audience, and receive it.
func TestFilterSeesAudience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hub := openHub(t, core.HubConfig{})
		var asked []string
		cfg := core.GateConfig{Heartbeat: -1, Middleware: []core.Middleware{func(h *core.Handshake) error {
			h.SetFilter(func(d core.Delivery) bool {
				asked = append(asked, fmt.Sprint(d.Channel, " ", d.To, " ", d.Key, " ", d.Data))
				return d.Key != "no"
			})
			return h.Join("x")
		}}}
		for _, to := range []core.Audience{{}, core.ToGroup("x"), core.ToGroup("y")} {
			for _, key := range []string{"yes", "no"} {
				if _, err := hub.Publish(t.Context(), "a", core.Event{Key: key, Data: "1"}, core.Only(to)); err != nil {
					t.Fatalf("Publish: %v", err)
				}
			}
		}
		_, c := openSubscribed(t, hub, cfg, core.Subscription{Channels: []string{"a"}, Start: core.Earliest()})
		c.wantBlocks(t, "history", "1 @1", "1 @3")
		publish(t, hub, "a", "2")
		c.wantBlocks(t, "live", "1 @1", "1 @3", "2 @7")
		// It is not called for events to other audiences.
		if want := []string{"a  yes 1", "a  no 1", "a group:x yes 1", "a group:x no 1", "a   2"}; !slices.Equal(asked, want) {
			t.Errorf("filter: was asked about %q, want %q", asked, want)
		}
	})
}
