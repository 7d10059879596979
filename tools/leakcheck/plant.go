package main

import (
	"path"
	"strings"
)

// planted names what the plants leak: the place, the mode of a file, and the spelling. What
// is named twice is to be found twice.
var planted = []string{
	"stdout raw", "stdout raw", "stderr raw", "stdout base64", "stdout base64", "stdout base64",
	"stdout base64url", "stdout base64url", "stdout base64url",
	"stdout percent", "stdout json", "stdout hex", "stdout token", "stdout private key",
	"log json", "log raw", "error raw", "error raw", "error raw", "output raw", "argv raw",
	"world-readable 0644 raw", "private 0600 raw", "opened-up 0644 raw", "halves 0666 raw", "of-a-child 0666 raw",
	"chosen-password 0644 raw", "made-password 0644 raw", "admin-password 0644 raw", "client-secret 0644 raw",
	"control-key 0644 raw",
}

// MissingOfPlanted returns what of the leaks on purpose was not found.
func MissingOfPlanted(found []Finding) []string {
	times := map[string]int{}
	for _, f := range found {
		times[strings.Join(strings.Fields(path.Base(f.Place)+" "+f.Mode+" "+f.Spelling), " ")]++
	}
	var missing []string
	for _, want := range planted {
		if times[want]--; times[want] < 0 {
			missing = append(missing, want)
		}
	}
	return missing
}
