package chat

import _ "embed" // for the page

//go:embed static/index.html
var page []byte

// Page returns the page of the chat, in HTML and UTF-8. It is the same slice
// each time: do not change it.
func Page() []byte { return page }
