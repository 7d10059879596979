package db

// WholeCheck is the size up to which a file is checked whole when it is opened.
const WholeCheck = wholeCheck

// MarkWith returns a mark whose count differs by some commits.
func MarkWith(data []byte, more int) ([]byte, bool) {
	m, ok := parseMark(data)
	m.commits += uint64(more)
	return m.encode(), ok
}
