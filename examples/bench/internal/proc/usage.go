//go:build linux

package proc

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go supports.
const tick = 10 * time.Millisecond

// CPU is the processor time that a process has taken, all threads together.
type CPU struct {
	User, System time.Duration
}

// Sub returns what was taken since an earlier reading.
func (c CPU) Sub(earlier CPU) CPU {
	return CPU{User: c.User - earlier.User, System: c.System - earlier.System}
}

// Total returns user and system time together.
func (c CPU) Total() time.Duration { return c.User + c.System }

// Usage returns what a process has taken so far, in steps of 10 ms.
func Usage(pid int) (CPU, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return CPU{}, fmt.Errorf("processor time: %w", err)
	}
	// The second field is the command's name in parentheses, and may hold
	// anything; user and system time are the 12th and 13th after it.
	_, rest, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return CPU{}, fmt.Errorf("processor time: %q is too short", stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return CPU{}, fmt.Errorf("user time: %w", err)
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return CPU{}, fmt.Errorf("system time: %w", err)
	}
	return CPU{User: time.Duration(user) * tick, System: time.Duration(system) * tick}, nil
}

// Memory is what a process has in RAM, in bytes.
type Memory struct {
	RSS  int64 // all of it
	Anon int64 // what is not backed by a file: heap and stacks
	Peak int64 // the highest RSS since the start, or since ResetPeak
}

// MemoryOf returns what a process has in RAM.
func MemoryOf(pid int) (Memory, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("memory: %w", err)
	}
	var m Memory
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		var field *int64
		switch name {
		case "VmRSS":
			field = &m.RSS
		case "RssAnon":
			field = &m.Anon
		case "VmHWM":
			field = &m.Peak
		default:
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("memory: %w", err)
		}
		*field = n << 10
	}
	return m, nil
}

// ResetPeak has the peak of a process's RSS count from now on.
func ResetPeak(pid int) error {
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
		return fmt.Errorf("peak of memory: %w", err)
	}
	return nil
}

// Settled reads the memory of a process until its RSS has moved by less than
// 0.5 % within a second, for a limited time, and returns the last reading.
func Settled(pid int, limit time.Duration) (Memory, error) {
	const step, calm = 50 * time.Millisecond, 20
	var low, high int64
	end := time.Now().Add(limit)
	for n := 0; ; n++ {
		m, err := MemoryOf(pid)
		if err != nil {
			return m, err
		}
		if n == 0 {
			low, high = m.RSS, m.RSS
		}
		low, high = min(low, m.RSS), max(high, m.RSS)
		if high-low > high/200 {
			low, high, n = m.RSS, m.RSS, 0
		}
		if n >= calm || time.Now().After(end) {
			return m, nil
		}
		time.Sleep(step)
	}
}
