package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// helperName is what may follow docker-credential-: part of a file's name, never
// a path or an option.
var helperName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

const (
	// helperTime is how long a helper may take. Keychains are unlocked before a program
	// runs; a helper that waits for a missing D-Bus waits for ever.
	//rule:client-limits-helper-time
	helperTime = 10 * time.Second
	// helperGrace is how long output is read after a helper's end; a child of the helper
	// may still hold it open.
	//rule:client-limits-helper-grace
	helperGrace = time.Second
)

// helperOutput bounds what a helper may print: the longest token, with the other fields.
var helperOutput = limit.Limit{Name: "the output of a credential helper", Bytes: 4 * wire.MaxToken}

// notInHelper is what a helper prints if it has no credential for the host. Source:
// docker/docker-credential-helpers, package credentials.
const notInHelper = "credentials not found in native keychain"

// errNotInHelper says that a helper works and has no credential for the host.
var errNotInHelper = errors.New(notInHelper)

// helperRun runs a helper until it ends or ctx does, and writes what it prints.
type helperRun func(ctx context.Context, path, host string, out io.Writer) error

func runHelper(ctx context.Context, path, host string, out io.Writer) error {
	//rule:client-limits-run-helper
	cmd := exec.CommandContext(ctx, path, "get") // the path of what the user configured
	//rule:client-limits-run-helper-2
	cmd.WaitDelay = helperGrace
	cmd.Stdin = strings.NewReader(host)
	cmd.Stdout = out
	cmd.Stderr = io.Discard // helpers speak on their standard output
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // it succeeded; a child of it, such as an agent, still holds the output open
	}
	return err
}

// askHelper asks docker-credential-name for the credential of a host. Source:
// docker/docker-credential-helpers, "Development"; observed with Docker, podman,
// skopeo and oras.
func askHelper(ctx context.Context, name, host string, run helperRun) (userSecret, error) {
	program := "docker-credential-" + name
	why := cause.HelperMissing
	failure := func(code acrkit.Code, reason, hint string) (userSecret, error) {
		return userSecret{},
			wire.Final(&acrkit.Error{Code: code, Cause: why, Op: "ask the credential helper " + program,
				Reason: reason, Hint: hint})
	}
	if !helperName.MatchString(name) {
		return failure(acrkit.CodeUsage, "its name is not a program name", "")
	}
	path, err := exec.LookPath(program)
	if err != nil {
		if errors.Is(err, exec.ErrDot) {
			return failure(acrkit.CodeUsage, "it is found in the current directory only, and is not run from there", "")
		}
		return failure(acrkit.CodeUsage, "there is no such program in PATH", sentence.Fix(sentence.InstallHelper, nil))
	}
	why = cause.HelperFailed
	byHand := sentence.Fix(sentence.RunHelper, map[string]string{"host": host, "program": program})
	//rule:client-limits-ask-helper
	ctx, cancel := context.WithTimeout(ctx, helperTime)
	defer cancel()
	out := &boundedBuffer{most: helperOutput, passed: cancel}
	err = run(ctx, path, host, out)
	text := bytes.TrimSpace(out.data.Bytes())
	switch {
	case out.full:
		return failure(acrkit.CodeTooLarge, fmt.Sprintf("it printed more than %d bytes", helperOutput.Bytes), "")
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return failure(acrkit.CodeUnavailable, fmt.Sprintf("it did not answer within %s", helperTime), byHand)
	case ctx.Err() != nil:
		return userSecret{}, ctx.Err()
	case err != nil && string(text) == notInHelper:
		return userSecret{}, errNotInHelper
	case err != nil:
		reason := "it failed"
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			reason = fmt.Sprintf("it failed with %s", exit.ProcessState)
		}
		return failure(acrkit.CodeUsage, reason+helperSaid(string(text)), byHand)
	}
	pair, wrong := parseHelperAnswer(text)
	if wrong != "" {
		return failure(acrkit.CodeProtocol, "its answer "+wrong, "")
	}
	if pair.user == "" && pair.secret.IsZero() {
		return userSecret{}, errNotInHelper
	}
	return pair, nil
}

// parseHelperAnswer reads a helper's answer; why says what is wrong, without any of it.
func parseHelperAnswer(data []byte) (pair userSecret, why string) {
	var doc struct{ Username, Secret string }
	if json.Unmarshal(data, &doc) != nil {
		return pair, "is not the JSON that helpers give"
	}
	switch {
	case doc.Username == "" && isToken(doc.Secret):
		doc.Username = identityUser // the kind of token is read from the token itself
	case doc.Username == "" && doc.Secret != "":
		return pair, "has a secret and no user name"
	case doc.Username != "" && doc.Secret == "":
		return pair, "has a user name and no secret"
	}
	return userSecret{doc.Username, redact.NewSecret(doc.Secret)}, ""
}

// helperSaid quotes the message of a helper that failed, unless it may hold a secret:
// anything like an answer, or a long word.
func helperSaid(s string) string {
	const most, longWord = 200, 40
	s, _, _ = strings.Cut(s, "\n")
	if s == "" || strings.ContainsAny(s, "{}") || len(s) > most {
		return ""
	}
	for word := range strings.FieldsSeq(s) {
		if len(word) > longWord {
			return ""
		}
	}
	return fmt.Sprintf(" and says %q", redact.Text(s))
}

// boundedBuffer keeps what is written up to its limit, and ends the writer past it.
type boundedBuffer struct {
	data   bytes.Buffer
	most   limit.Limit
	full   bool
	passed func()
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if err := b.most.Check(int64(b.data.Len() + len(p))); err != nil {
		b.full = true
		b.passed()
		return 0, err
	}
	return b.data.Write(p)
}
