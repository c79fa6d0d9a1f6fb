package core

import "testing"

// A subscriber whose history is all newer than its beginning reads it from the
// rings immediately: no new event would wake it.
func TestNothingBetweenHistoryAndLive(t *testing.T) {
	t.Parallel()
	hub := NewHub(HubConfig{})
	for _, data := range []string{"old", "older"} {
		if _, err := hub.Publish(t.Context(), "a", Event{Data: data}); err != nil {
			t.Fatalf("Publish: %v", err)
		}
	}
	s, _, err := hub.subscribe(t.Context(), nil, Subscription{Channels: []string{"a"}, Start: Last(1)})
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	defer s.close()
	if _, err = hub.Publish(t.Context(), "a", Event{Data: "new"}); err != nil {
		t.Fatalf("Publish: %v", err)
	}
	s.listen()
	b, err := s.next(t.Context())
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	defer b.release()
	if len(b.entries) != 1 || deliveryOf(b.entries[0]).Data != "new" {
		t.Errorf("got %d entries, want the new one", len(b.entries))
	}
}
