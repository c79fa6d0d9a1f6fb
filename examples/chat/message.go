package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is accepted, in characters, and of a request's body in bytes.
const (
	MaxName = 32
	MaxText = 2000
	MaxBody = 64 << 10
)

// Message is the data of the event chat.
type Message struct {
	From    string `json:"from"`
	Text    string `json:"text"`
	Private bool   `json:"private"`
	To      string `json:"to"` // of a private message; otherwise empty
}

// RequestError is an error that is the client's, with a sentence for it.
type RequestError string

// Error returns the sentence.
func (e RequestError) Error() string { return string(e) }

// Status returns the HTTP status for an error of [Room.Post].
func Status(err error) int {
	if errors.As(err, new(RequestError)) {
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable // the program is about to end
}

// readMessage reads and checks the body of a request.
func readMessage(body []byte) (Message, error) {
	if len(body) > MaxBody {
		return Message{}, RequestError(fmt.Sprintf("The body is longer than %d bytes.", MaxBody))
	}
	var in struct {
		Username string `json:"username"`
		Text     string `json:"text"`
		To       string `json:"to"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field != "" {
			return Message{}, RequestError(fmt.Sprintf("The %s must be text, not a JSON %s.", kind.Field, kind.Value))
		}
		return Message{}, RequestError(`The body must be a JSON object like {"username":"bob","text":"hi","to":"alice"}: ` + err.Error() + ".")
	}
	from, err := checkName("username", in.Username)
	if err != nil {
		return Message{}, err
	}
	switch n := utf8.RuneCountInString(in.Text); {
	case strings.TrimSpace(in.Text) == "":
		return Message{}, RequestError("The text is missing.")
	case n > MaxText:
		return Message{}, RequestError(fmt.Sprintf("The text has %d characters, and may have %d.", n, MaxText))
	}
	m := Message{From: from, Text: in.Text}
	if in.To == "" {
		return m, nil
	}
	// A recipient that is no name must not make a private message a public one.
	m.Private = true
	m.To, err = checkName("recipient", in.To)
	return m, err
}

// checkName returns a name without spaces around it, or a RequestError.
func checkName(what, name string) (string, error) {
	name = strings.TrimSpace(name)
	switch n := utf8.RuneCountInString(name); {
	case name == "":
		return "", RequestError("The " + what + " is missing.")
	case n > MaxName:
		return "", RequestError(fmt.Sprintf("The %s has %d characters, and may have %d.", what, n, MaxName))
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		// What cannot be seen would make two names look the same.
		return "", RequestError("The " + what + " holds a character that cannot be printed.")
	}
	return name, nil
}
