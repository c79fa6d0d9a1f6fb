package natsstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// apiError is what a server answers instead of what was asked for.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

// Error implements error.
func (e *apiError) Error() string { return fmt.Sprintf("%.200s (%d)", e.Description, e.ErrCode) }

// Codes of the server's errors.
const (
	codeStreamNotFound   = 10059
	codeMessageNotFound  = 10037
	codeWrongLast        = 10071
	codeWrongLastOther   = 10164
	codeBatchIncomplete  = 10176
	codeMessageTooLarge  = 10054
	codeStreamNameExists = 10058
)

// isCode reports whether an error is one of the server's, with one of these codes.
func isCode(err error, codes ...int) bool {
	var e *apiError
	if !errors.As(err, &e) {
		return false
	}
	return slices.Contains(codes, e.ErrCode)
}

// api calls the JetStream API. answer may be nil.
func (s *Store) api(ctx context.Context, subject string, request, answer any) error {
	var data []byte
	if request != nil {
		var err error
		if data, err = json.Marshal(request); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	m, err := s.conn.RequestWithContext(ctx, s.apiPrefix+subject, data)
	if err != nil {
		return err
	}
	return parseAnswer(m, answer)
}

func parseAnswer(m *nats.Msg, answer any) error {
	var failure struct {
		Error *apiError `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &failure); err != nil {
		return errors.New("the server's answer is not JSON")
	}
	if failure.Error != nil {
		return failure.Error
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(m.Data, answer)
}

// put publishes a message, and returns the stream's sequence number.
func (s *Store) put(ctx context.Context, subject string, data []byte, headers ...string) (seq uint64, err error) {
	m := nats.NewMsg(subject)
	m.Data = data
	for i := 0; i < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	back, err := s.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Seq uint64 `json:"seq"`
	}
	err = parseAnswer(back, &ack)
	return ack.Seq, err
}

// expecting returns the header that makes a message conditional: the newest one on
// its subject must have this number of the stream, 0 for none.
func expecting(last uint64) []string {
	return []string{nats.ExpectedLastSubjSeqHdr, strconv.FormatUint(last, 10)}
}

// soon returns a context for what a server answers at once. While a stream has no
// leader, and if a consumer is placed on a server that is gone, none answers: it is
// better to ask again. Only if that does not help, the answer is waited for longer.
func (s *Store) soon(ctx context.Context) (context.Context, context.CancelFunc) {
	longer := min(max(s.silent.Load()-5, 0), 3)
	return context.WithTimeout(ctx, s.cfg.Timeout/8<<longer)
}

// streamInfo is what a server says of a stream.
type streamInfo struct {
	Config  streamConfig `json:"config"`
	Created time.Time    `json:"created"`
	State   struct {
		Messages uint64 `json:"messages"`
		First    uint64 `json:"first_seq"`
		Last     uint64 `json:"last_seq"`
	} `json:"state"`
	Cluster *struct {
		Leader string     `json:"leader"`
		Since  *time.Time `json:"leader_since"`
	} `json:"cluster"`
}

// info asks the stream's leader.
func (s *Store) info(ctx context.Context) (info streamInfo, err error) {
	ctx, cancel := s.soon(ctx)
	defer cancel()
	err = s.api(ctx, "STREAM.INFO."+s.cfg.Stream, nil, &info)
	return info, err
}

// stored is a message in a stream.
type stored struct {
	Subject string    `json:"subject"`
	Seq     uint64    `json:"seq"`
	Data    []byte    `json:"data"`
	Time    time.Time `json:"time"`
}

// lastOn asks the leader for the newest message on a subject.
func (s *Store) lastOn(ctx context.Context, stream, subject string) (stored, error) {
	return s.get(ctx, stream, map[string]any{"last_by_subj": subject})
}

func (s *Store) get(ctx context.Context, stream string, request map[string]any) (stored, error) {
	var answer struct {
		Message stored `json:"message"`
	}
	ctx, cancel := s.soon(ctx)
	defer cancel()
	err := s.api(ctx, "STREAM.MSG.GET."+stream, request, &answer)
	return answer.Message, err
}

// purge removes the messages on a subject before a number of the stream.
func (s *Store) purge(ctx context.Context, stream, subject string, before uint64) error {
	request := map[string]any{}
	if subject != "" {
		request["filter"] = subject
	}
	if before > 0 {
		request["seq"] = before
	}
	return s.api(ctx, "STREAM.PURGE."+stream, request, nil)
}
