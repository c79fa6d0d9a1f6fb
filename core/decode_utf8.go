package core

import "unicode/utf8"

// decodeUTF8 returns text as a string, with invalid UTF-8 replaced as by
// [appendUTF8].
func decodeUTF8(text []byte) string {
	if utf8.Valid(text) {
		return string(text)
	}
	return string(appendUTF8(nil, text))
}

// appendUTF8 appends text to dst, with each maximal subpart of an ill-formed
// sequence replaced by one U+FFFD, as the UTF-8 decoder of the WHATWG Encoding
// standard, section 8.1.1, does. The standard library differs: it replaces each
// byte, or each run of them.
func appendUTF8(dst, text []byte) []byte {
	start, i := 0, 0
	for i < len(text) {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, text[start:i]...)
			dst = append(dst, "\uFFFD"...)
			i += subpart(text[i:])
			start = i
			continue
		}
		i += n
	}
	return append(dst, text[start:]...)
}

// subpart returns the length of the ill-formed sequence that text starts with:
// the bytes that could begin a character, at least one.
func subpart(text []byte) int {
	// more is the number of bytes that may follow the first, and low to high is
	// the range of the second. The later ones are all 80 to BF.
	var more int
	low, high := byte(0x80), byte(0xBF)
	switch first := text[0]; {
	case first >= 0xC2 && first <= 0xDF:
		more = 1
	case first >= 0xE0 && first <= 0xEF:
		more = 2
		switch first {
		case 0xE0:
			low = 0xA0
		case 0xED:
			high = 0x9F
		}
	case first >= 0xF0 && first <= 0xF4:
		more = 3
		switch first {
		case 0xF0:
			low = 0x90
		case 0xF4:
			high = 0x8F
		}
	}
	n := 1
	for n < len(text) && n <= more && text[n] >= low && text[n] <= high {
		low, high = 0x80, 0xBF
		n++
	}
	return n
}
