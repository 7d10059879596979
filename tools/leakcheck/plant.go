package leakcheck

import (
	"path"
	"slices"
	"strings"
)

// planted names what testdata/plant leaks: the place, the mode of a file, and
// the spelling.
var planted = []string{
	"stdout raw", "stderr raw", "stdout base64", "stdout base64url", "stdout percent", "stdout json", "stdout hex", "stdout token", "stdout private key",
	"log json", "error raw", "output raw", "argv raw",
	"world-readable 0644 raw", "private 0600 raw", "opened-up 0644 raw", "halves 0666 raw", "of-a-child 0666 raw",
}

// MissingOfPlanted returns what of the leaks on purpose was not found.
func MissingOfPlanted(found []Finding) []string {
	var missing []string
	for _, want := range planted {
		if !slices.ContainsFunc(found, func(f Finding) bool {
			return strings.Join(strings.Fields(path.Base(f.Place)+" "+f.Mode+" "+f.Spelling), " ") == want
		}) {
			missing = append(missing, want)
		}
	}
	return missing
}
