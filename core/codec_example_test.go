package core_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tidings-go/tidings/core"
)

func ExampleAppendEvent() {
	frame, err := core.AppendEvent(nil, core.Event{
		ID:    "42",
		Name:  "stockupdate",
		Data:  "{\"stock\":\"IBM\",\n\"value\":567.29}",
		Retry: 3 * time.Second,
	})
	fmt.Printf("%s%v\n", frame, err)

	_, err = core.AppendEvent(nil, core.Event{ID: "42\ndata: forged"})
	fmt.Println(err)
	// Output:
	// event: stockupdate
	// retry: 3000
	// data: {"stock":"IBM",
	// data: "value":567.29}
	// id: 42
	//
	// <nil>
	// tidings: event id: contains a line break
}

func ExampleAppendComment() {
	fmt.Printf("%q", core.AppendComment(nil, "still here"))
	// Output: ": still here\n\n"
}

func ExampleAppendRetry() {
	fmt.Printf("%q", core.AppendRetry(nil, 2*time.Second))
	// Output: "retry: 2000\n\n"
}

func ExampleAppendLastEventID() {
	block, err := core.AppendLastEventID(nil, "42")
	fmt.Printf("%q %v", block, err)
	// Output: "id: 42\n\n" <nil>
}

func ExampleCheckID() {
	fmt.Println(core.CheckID("42"))
	fmt.Println(core.CheckID("4\x002"))
	// Output:
	// <nil>
	// tidings: event id: contains a control character
}

func ExampleDecoder_Next() {
	body := strings.NewReader("id: 1\ndata: hello\n\nevent: bye\ndata: see\ndata: you\n\n")
	d := core.NewDecoder(body, core.DecoderConfig{})
	for {
		ev, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Printf("%q %q, resume after %q\n", ev.Name, ev.Data, d.LastEventID())
	}
	// Output:
	// "" "hello", resume after "1"
	// "bye" "see\nyou", resume after "1"
}

func ExampleDecoder_All() {
	body := strings.NewReader(": welcome\n\nretry: 500\ndata: hello\n\ndata: cut off")
	d := core.NewDecoder(body, core.DecoderConfig{
		OnComment: func(text string) { fmt.Println("comment:", text) },
	})
	for ev, err := range d.All() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("event:", ev.Data)
	}
	retry, ok := d.Retry()
	fmt.Println("retry:", retry, ok)
	// Output:
	// comment: welcome
	// event: hello
	// retry: 500ms true
}
