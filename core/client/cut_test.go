package client_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tidings-go/tidings/core/client"
)

// lineEnds are the three line ends of the standard.
func lineEnds() map[string]string { return map[string]string{"LF": "\n", "CRLF": "\r\n", "CR": "\r"} }

// sampleBlocks is a stream with all kinds of fields, in blocks. The client can
// resume after each.
func sampleBlocks(eol string) []string {
	blocks := []string{
		": hello\nretry: 7\n\n",
		"data: one\nid: 1\n\n",
		"event: größe\ndata: zwei\ndata:  🜁\n: between\nid: 2\n\n",
		"id: 3\ndata: three\nbogus: x\nretry: 5x\n\n",
		"data\nid: 4\n\n",
		"event: lost\n\n",
		"data: five\nid: fünf\n\n",
	}
	for i, b := range blocks {
		blocks[i] = strings.ReplaceAll(b, "\n", eol)
	}
	return blocks
}

const taleTold = `message "1" "one"
größe "2" "zwei\n 🜁"
message "3" "three"
message "4" ""
message "fünf" "five"`

// blocksAfter returns the blocks that follow an ID.
func blocksAfter(blocks []string, id, eol string) string {
	if id != "" {
		for i, b := range blocks {
			if strings.Contains(b, "id: "+id+eol) {
				blocks = blocks[i+1:]
				break
			}
		}
	}
	return strings.Join(blocks, "")
}

// TestCutEverywhere has a server cut the connection at every byte, in each way
// in which one can: every event arrives once.
func TestCutEverywhere(t *testing.T) {
	t.Parallel()
	ways := map[string]func(part string) http.HandlerFunc{
		"in order": func(part string) http.HandlerFunc { return stream(part) },
		"broken":   func(part string) http.HandlerFunc { return cut(part) },
		"raw":      raw,
	}
	for end, eol := range lineEnds() {
		for way, broken := range ways {
			t.Run(end+"/"+way, func(t *testing.T) {
				t.Parallel()
				blocks := sampleBlocks(eol)
				all := "\ufeff" + strings.Join(blocks, "")
				for at := range len(all) + 1 {
					synctest.Test(t, func(t *testing.T) {
						c := open(t, client.Config{}, attempts(broken(all[:at]), func(w http.ResponseWriter, r *http.Request) {
							stream(blocksAfter(blocks, r.Header.Get("Last-Event-ID"), eol))(w, r)
						}))
						got, err := collect(t, c)
						if got != taleTold || err != nil {
							t.Errorf("cut after %q: got\n%s\n%v, want\n%s", all[:at], got, err, taleTold)
						}
						equal(t, "last event ID", c.LastEventID(), "fünf")
					})
				}
			})
		}
	}
}

// raw returns a handler that hijacks the connection, sends part of a stream,
// and closes it.
func raw(part string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n%s", part)
		_ = conn.Close()
	}
}

// TestSplitEverywhere has a server send a stream in two writes, split at every
// byte, and byte by byte: what is read does not depend on it, nor does an event
// wait for more than its blank line.
func TestSplitEverywhere(t *testing.T) {
	t.Parallel()
	for end, eol := range lineEnds() {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			all := "\ufeff" + strings.Join(sampleBlocks(eol), "")
			check := func(parts ...string) {
				synctest.Test(t, func(t *testing.T) {
					var got log
					h := client.Handlers{Event: func(ev client.Event) { got.add("%s", show(ev)) }}
					c := open(t, client.Config{Handlers: h}, attempts(func(w http.ResponseWriter, r *http.Request) {
						for i, part := range parts {
							if i == 0 {
								stream(part)(w, r)
								continue
							}
							synctest.Wait() // the client has what came before
							_, _ = w.Write([]byte(part))
							flush(w)
						}
						synctest.Wait()
						if got.String() != taleTold {
							t.Errorf("parts of %d bytes: got\n%s\nbefore the stream's end, want\n%s", len(parts[0]), &got, taleTold)
						}
					}))
					if err := c.Run(t.Context()); err != nil {
						t.Errorf("run: got error %v, want none", err)
					}
				})
			}
			for at := range len(all) + 1 {
				check(all[:at], all[at:])
			}
			check(strings.Split(all, "")...)
			var bytes []string
			for i := range len(all) {
				bytes = append(bytes, all[i:i+1])
			}
			check(bytes...)
		})
	}
}
