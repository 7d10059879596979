package auth

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// fileSource is a file that holds a secret and nothing else.
type fileSource struct {
	describedSource
	name string

	mu   sync.Mutex
	good Secret // the last one read
	held bool   // the file was a pipe, and good is its whole content
}

// secretFile bounds a file with a secret; anything larger is another file.
var secretFile = limit.Limit{Name: "a file with a secret", Bytes: 64 << 10}

// A file may be read after a writer empties it and before it is full again. If it held a
// secret before, it is read again this often.
const (
	//rule:client-limits-settle-tries
	settleTries = 10
	settlePause = 20 * time.Millisecond
)

// SecretFile is a file that holds the secret and nothing else, of at most 64 KiB.
// One line feed (or CR LF) is taken off its end; other white space around the
// secret is an error.
//
// The file is read for each token request, and so after each refusal; new content is
// used from then on. A file that is replaced by renaming
// is never seen half written. One that is written in place may be: it is read
// again a few times, for at most 200 ms, and while it stays empty or missing the
// last secret is used. A pipe is read once.
//
// A missing file is an error with [acrkit.CodeCredentialMissing], so that a [Chain] tries
// its next credential; an empty, malformed or unreadable one has [acrkit.CodeUsage].
func SecretFile(name string) SecretSource { return newFileSource(name) }

func newFileSource(name string) *fileSource {
	return &fileSource{describedSource: sourceText(fmt.Sprintf("file %q", name)), name: name}
}

func (s *fileSource) costly() bool { return false }

func (s *fileSource) read(ctx context.Context, t *Transport) (Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held {
		return s.good, nil
	}
	for try := 1; ; try++ {
		value, regular, err := readSecretFile(s.name)
		if err == nil {
			s.good, s.held = redact.NewSecret(value), !regular
			return s.good, nil
		}
		if s.good.IsZero() {
			return Secret{}, s.failure(err)
		}
		if try == settleTries {
			// The last content may still be valid; if not, the registry refuses it.
			t.log.WarnContext(ctx, "a file with a secret cannot be read again; its last content is used", "file",
				s.name, "error", s.failure(err))
			return s.good, nil
		}
		pause := time.NewTimer(settlePause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return Secret{}, ctx.Err()
		}
	}
}

func (s *fileSource) failure(err error) error {
	//rule:byte-order-marks-failure
	e := &acrkit.Error{Code: acrkit.CodeUsage, Cause: causeWithin(err), Op: "read the secret in " + s.text,
		Reason: wording.Reason(err)}
	switch {
	case s.name == "":
		e.Reason = "the file has no name"
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Reason = acrkit.CodeCredentialMissing, "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		e.Reason = "this user may not read it"
	}
	return wire.Final(e)
}

// readSecretFile reads a secret and takes one line feed off its end, which
// editors and echo put there. regular says that it can be read again.
func readSecretFile(name string) (value string, regular bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", false, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", false, err
	}
	data, err := secretFile.ReadAll(f)
	if err != nil {
		return "", false, err
	}
	s := strings.TrimSuffix(string(data), "\n")
	if len(s) < len(data) {
		s = strings.TrimSuffix(s, "\r")
	}
	if err := checkSecret("the secret", s); err != nil {
		return "", false, err
	}
	return s, info.Mode().IsRegular(), nil
}
