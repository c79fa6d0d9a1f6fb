package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// listen waits for notifications, on a connection of its own, and connects again
// when that is lost.
func (s *Store) listen() {
	pause := 10 * time.Millisecond
	for s.life.Err() == nil {
		began := time.Now()
		err := s.listenOnce()
		if s.life.Err() != nil {
			return
		}
		if time.Since(began) > s.cfg.Poll {
			pause = 10 * time.Millisecond
		}
		s.cfg.Logger.WarnContext(s.life, "listening ended", "error", err)
		if !s.rest(pause) {
			return
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// listenOnce listens until the connection is lost. A connection that is silent
// for as long as Poll is tried: it may be dead without a sign.
func (s *Store) listenOnce() error {
	cc := s.pool.Config().ConnConfig
	cc.RuntimeParams["application_name"] += " listener"
	ctx, cancel := s.within(s.life)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return err
	}
	defer func() {
		ending, stop := context.WithTimeout(context.WithoutCancel(s.life), time.Second)
		defer stop()
		_ = conn.Close(ending)
	}()
	if _, err := conn.Exec(ctx, s.sql.listen); err != nil {
		return err
	}
	cancel()
	s.feed.Wake() // for what came before
	for {
		wait, cancel := context.WithTimeout(s.life, s.cfg.Poll)
		n, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil && s.owns(n.PID):
			continue // what this store appends, it delivers itself
		case err == nil:
			s.feed.Wake()
		case s.life.Err() != nil:
			return s.life.Err()
		case errors.Is(err, context.DeadlineExceeded) && !conn.IsClosed():
			ping, cancel := context.WithTimeout(s.life, min(s.cfg.Timeout, max(s.cfg.Poll, time.Second)))
			err = conn.Ping(ping)
			cancel()
			if err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// owns reports whether a process of the server serves a connection of the pool.
func (s *Store) owns(pid uint32) bool {
	_, ok := s.pids.Load(pid)
	return ok
}
