package doctor

import (
	"strconv"
	"strings"
)

// clean returns foreign text as it may be shown in a terminal: in
// one line, at most so many bytes of it, and without control characters.
func clean(text string, most int) string {
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case strconv.IsPrint(r):
			return r
		}
		return '\uFFFD'
	}, text)
}
