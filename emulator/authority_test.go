package emulator_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
)

// TestAuthorityNames: the certificate authority is for the emulator's own names.
// Other names need a new authority, and a warning says to trust it.
func TestAuthorityNames(t *testing.T) {
	dir := t.TempDir()
	was := ""
	for _, step := range []struct {
		name string
		opts emulator.Options
		why  string
	}{
		{"first", emulator.Options{}, ""},
		{"again", emulator.Options{}, ""},
		{"host_names", emulator.Options{Hostnames: []string{"registry.test", "192.0.2.1"}},
			"for localhost, registry.test, 192.0.2.1"},
		{"host_names_again", emulator.Options{Hostnames: []string{"192.0.2.1", "registry.test"}}, ""},
		{"blobs", emulator.Options{Hostnames: []string{"192.0.2.1", "registry.test"}, BlobRedirects: true}, ""},
		{"blob_host", emulator.Options{BlobRedirects: true, BlobHost: "blobs.test"}, "for blobs.test, localhost"},
		{"blob_host_unused", emulator.Options{BlobHost: "blobs.test"}, "for localhost"},
	} {
		var log bytes.Buffer
		step.opts.DataDir, step.opts.Logger = dir, slog.New(
			slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}),
		)
		e, err := emulator.Open(t.Context(), &step.opts)
		must(t, err)
		ca := string(e.CACertificate())
		must(t, e.Close())
		if said := log.String(); (said == "") != (step.why == "") || !strings.Contains(said, step.why) ||
			said != "" && (!strings.Contains(said, dir) || strings.Count(said, "\n") != 1) {
			t.Errorf("%s: said %q", step.name, said)
		}
		if was != "" && (ca == was) != (step.why == "") {
			t.Errorf("%s: another authority: %t", step.name, ca != was)
		}
		was = ca
	}
}
