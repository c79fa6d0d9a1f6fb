package natsstore

import (
	"context"
	"errors"
	"sync"
)

// requestsAtOnce is how many requests wait for answers at the same time.
const requestsAtOnce = 64

// request is a message that is answered.
type request struct {
	subject string
	data    []byte
}

// requests sends requests, many at the same time, and returns their errors.
func (s *Store) requests(ctx context.Context, all []request) error {
	ctx, cancel := context.WithTimeout(ctx, 6*s.cfg.Timeout)
	defer cancel()
	var busy sync.WaitGroup
	var mu sync.Mutex
	var failure error
	next := 0
	take := func() (request, bool) {
		mu.Lock()
		defer mu.Unlock()
		if failure != nil || next == len(all) {
			return request{}, false
		}
		next++
		return all[next-1], true
	}
	for range min(requestsAtOnce, len(all)) {
		busy.Go(func() {
			for r, ok := take(); ok; r, ok = take() {
				one, stop := context.WithTimeout(ctx, s.cfg.Timeout)
				m, err := s.conn.RequestWithContext(one, r.subject, r.data)
				stop()
				if err == nil {
					err = parseAnswer(m, nil)
				}
				if err != nil {
					mu.Lock()
					failure = errors.Join(failure, err)
					mu.Unlock()
				}
			}
		})
	}
	busy.Wait()
	return failure
}
