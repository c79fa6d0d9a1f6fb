package natsstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
)

// Create creates the two streams of a configuration, or checks those that are
// there. [Open] does, unless the configuration has NoCreate.
func Create(ctx context.Context, url string, cfg Config) error {
	s, err := newStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.end()
	if err := s.connect(ctx, url); err != nil {
		return err
	}
	defer s.conn.Close()
	return s.create(ctx)
}

// stateStream is the name of the stream of what is known of channels.
func (s *Store) stateStream() string { return s.cfg.Stream + "_STATE" }

// streamConfig is the configuration of a stream.
type streamConfig struct {
	nats.StreamConfig

	AllowAtomic bool `json:"allow_atomic,omitempty"`
}

// streamConfigs returns the configurations of the streams.
func (s *Store) streamConfigs() []streamConfig {
	common := nats.StreamConfig{
		Replicas: s.cfg.Replicas, Storage: s.cfg.Storage, Retention: nats.LimitsPolicy, Discard: nats.DiscardNew,
		MaxMsgs: -1, MaxBytes: -1, MaxMsgsPerSubject: -1, MaxConsumers: -1, MaxMsgSize: -1,
		AllowDirect: true, AllowRollup: true, Duplicates: 100 * time.Millisecond, // no message has an ID
	}
	events, state := streamConfig{StreamConfig: common}, streamConfig{StreamConfig: common}
	events.Name, events.Subjects, events.AllowAtomic = s.cfg.Stream, []string{s.subjects.log()}, true
	events.Description = "events of Tidings"
	state.Name, state.Subjects, state.MaxMsgsPerSubject = s.stateStream(), []string{s.subjects.state()}, 1
	state.Description, state.Discard = "what Tidings knows of channels", nats.DiscardOld
	return []streamConfig{events, state}
}

// create creates the streams that are not there, and checks the others.
func (s *Store) create(ctx context.Context) error {
	for _, want := range s.streamConfigs() {
		var info streamInfo
		err := s.api(ctx, "STREAM.INFO."+want.Name, nil, &info)
		if isCode(err, codeStreamNotFound) {
			if s.cfg.NoCreate {
				return fmt.Errorf("tidings: nats: there is no stream %q: see natsstore.Create", want.Name)
			}
			err = s.api(ctx, "STREAM.CREATE."+want.Name, want, &info)
			if isCode(err, codeStreamNameExists) { // another store was faster, with other replicas
				err = s.api(ctx, "STREAM.INFO."+want.Name, nil, &info)
			}
		}
		if err != nil {
			return fmt.Errorf("tidings: nats: stream %q: %w", want.Name, err)
		}
		if err := checkStream(info.Config, want); err != nil {
			return fmt.Errorf("tidings: nats: stream %q: %w", want.Name, err)
		}
	}
	return nil
}

// checkStream returns an error if a stream would not do.
func checkStream(got, want streamConfig) error {
	switch {
	case !slices.Equal(got.Subjects, want.Subjects):
		return fmt.Errorf("it is on the subjects %.200q, not %q", got.Subjects, want.Subjects)
	case got.Retention != nats.LimitsPolicy || got.MaxAge > 0 || got.MaxMsgs > 0 || got.MaxMsgsPerSubject != want.MaxMsgsPerSubject:
		return errors.New("the server removes messages of it by other rules than the store's retention")
	case got.MaxBytes > 0 && got.Discard != nats.DiscardNew:
		return errors.New("it has a bound of bytes, and discards old messages")
	case !got.AllowDirect || !got.AllowRollup || want.AllowAtomic && !got.AllowAtomic:
		return errors.New("it needs allow_direct, allow_rollup_hdrs and allow_atomic, and NATS 2.12")
	case got.Mirror != nil || len(got.Sources) > 0 || got.Sealed || got.NoAck:
		return errors.New("it is a mirror, has sources, is sealed, or does not acknowledge")
	}
	return nil
}
