package boltstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"time"

	"github.com/tidings-go/tidings/core/history"
)

// journal is a file beside the history's. SyncInterval writes to it what is not
// in the history yet, so that it outlives the process. The journal is never
// synced to the disk: the history is, at every interval.
//
// It is a sequence of frames, one for each group of appends: length, checksum,
// and the bytes that the checksum covers. The epoch and the first position tell
// whether a frame continues the history. A torn frame does not, nor does one
// from an earlier use of the same place.
type journal struct {
	path string
	file *os.File
	size int64 // offset of the next frame
	torn bool  // part of a frame may follow size
	buf  []byte
}

// batch holds the records of one call of Append.
type batch struct {
	records []history.Record
	at      time.Time
}

// journalPath returns the path of the journal of a history.
func journalPath(path string) string { return path + ".journal" }

const frameHead = 4 + 4

// create opens an empty journal.
func (j *journal) create() error {
	file, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.file = file
	return nil
}

// write writes a frame with the records of a group, the first of which has the
// position first. After an error, nothing of it is in the journal, or will be
// found.
func (j *journal) write(first history.Position, batches []batch) error {
	b := j.buf[:0]
	b = append(b, make([]byte, frameHead)...)
	b = append(b, key(first.Epoch, first.Seq)...)
	for i := range batches {
		b = batches[i].encode(b)
	}
	j.buf = b[:0]
	if cap(b) > 1<<20 {
		j.buf = nil
	}
	if len(b) > math.MaxInt32 {
		return errors.New("journal: group too large")
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-frameHead)) //nolint:gosec // It was looked at.
	binary.BigEndian.PutUint32(b[4:], checksum(nil, b[frameHead:]))
	if j.torn {
		if err := j.file.Truncate(j.size); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		j.torn = false
	}
	if _, err := j.file.WriteAt(b, j.size); err != nil {
		j.torn = true
		return fmt.Errorf("journal: %w", err)
	}
	j.size += int64(len(b))
	return nil
}

// reset empties the journal when the history has its records. If that fails,
// the frames that stay make no difference.
func (j *journal) reset() {
	if j.file == nil || j.size == 0 {
		return
	}
	j.size = 0
	j.torn = j.file.Truncate(0) != nil
}

// remove closes and removes the journal.
func (j *journal) remove() error {
	err := j.abandon()
	if gone := os.Remove(j.path); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		return errors.Join(err, fmt.Errorf("journal: %w", gone))
	}
	return err
}

// abandon closes the journal and leaves the file for the next store.
func (j *journal) abandon() error {
	if j.file == nil {
		return nil
	}
	file := j.file
	j.file = nil
	if err := file.Close(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// encode appends a batch to b.
func (t *batch) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(t.records)))
	for i := range t.records {
		r := &t.records[i]
		for _, text := range [][]byte{[]byte(r.Channel), []byte(r.Once), encodeEntry(nil, r, t.at)} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
	}
	return b
}

// decodeBatches returns the batches of a frame.
func decodeBatches(b []byte) (batches []batch, err error) {
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, errLength
		}
		b = b[size:]
		var t batch
		for ; n > 0; n-- {
			if b, err = t.decode(b); err != nil {
				return nil, err
			}
		}
		batches = append(batches, t)
	}
	return batches, nil
}

// decode adds the record at the start of b, and returns the rest of b.
func (t *batch) decode(b []byte) (rest []byte, err error) {
	var texts [3][]byte // as encode writes them
	for i := range texts {
		if texts[i], b, err = cutText(b); err != nil {
			return nil, err
		}
	}
	r, at, err := decodeEntry(nil, texts[2])
	r.Channel, r.Once = string(texts[0]), string(texts[1])
	t.records, t.at = append(t.records, r), at
	return b, err
}

// replay returns the batches in the journal after a position, up to the first
// torn frame.
func replay(path string, head history.Position) ([]batch, error) {
	b, err := os.ReadFile(path) //nolint:gosec // It is beside the caller's path.
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var all []batch
	for {
		frame, rest := cutFrame(b)
		if frame == nil {
			return all, nil
		}
		b = rest
		first := history.Position{Epoch: binary.BigEndian.Uint64(frame), Seq: binary.BigEndian.Uint64(frame[8:])}
		if first.Epoch != head.Epoch || first.Seq > head.Seq+1 {
			return all, nil
		}
		if first.Seq <= head.Seq {
			continue // the history has it
		}
		batches, err := decodeBatches(frame[16:])
		if err != nil {
			return nil, damage("journal: %v", err)
		}
		for _, t := range batches {
			head.Seq += uint64(len(t.records))
		}
		all = append(all, batches...)
	}
}

// cutFrame returns what the first frame in b holds, and the rest of b, or nil if
// the frame is torn.
func cutFrame(b []byte) (frame, rest []byte) {
	if len(b) < frameHead+16 {
		return nil, nil
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n < 16 || n > int64(len(b)-frameHead) {
		return nil, nil
	}
	frame, rest = b[frameHead:frameHead+n], b[frameHead+n:]
	if checksum(nil, frame) != binary.BigEndian.Uint32(b[4:]) {
		return nil, nil
	}
	return frame, rest
}
