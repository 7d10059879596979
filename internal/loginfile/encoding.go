package loginfile

import "strings"

// mark is the byte order mark.
const mark = "\ufeff"

// utf16Marks begin text in UTF-16, in either byte order. The last is how a JSON encoder
// writes them.
//
//rule:byte-order-marks-utf16-marks
var utf16Marks = []string{"\xff\xfe", "\xfe\xff", "\ufffd\ufffd"}

// LeadingMark says what a byte order mark at the start of a text means; "" if there is
// none. JSON has none there; Windows editors and PowerShell write one.
func LeadingMark(text string) (why string) {
	start := strings.TrimLeft(text, " \t\r\n")
	for _, m := range utf16Marks {
		if strings.HasPrefix(start, m) {
			return "is UTF-16 text with a byte order mark (perhaps from PowerShell's >)"
		}
	}
	if strings.HasPrefix(start, mark) {
		return "begins with a byte order mark (perhaps from an editor)"
	}
	return ""
}

// ByteOrderMark says what a byte order mark in a secret means; "" if there is none. No
// password or token has one. Appending a file to another can put it in the middle or at
// the end.
func ByteOrderMark(secret string) (why string) {
	switch why := LeadingMark(secret); {
	case why != "":
		return why
	case strings.HasSuffix(strings.TrimRight(secret, " \t\r\n"), mark):
		return "ends with a byte order mark (perhaps of a file that was appended)"
	//rule:byte-order-marks-byte-order-mark
	case strings.Contains(secret, mark):
		return "has a byte order mark within (perhaps of a file that was appended)"
	}
	return ""
}
