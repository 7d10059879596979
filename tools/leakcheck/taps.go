package leakcheck

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Tap is a change to one source file for the time of a check: where a secret is
// known, or where something is shown.
type Tap struct {
	File    string // below the module, or below GOROOT/src after "std:"
	Find    string // occurs exactly once in the file
	Replace string // calls leakTap(kind, text)
}

// The kinds of what taps report.
const (
	kindSecret = "secret"
	kindLog    = "log"    // a line of a slog handler
	kindError  = "error"  // the text of an error
	kindOutput = "output" // what a command says or prints
)

// Taps are all taps. A text that is no longer there fails the check, and
// TestTaps.
func Taps() []Tap {
	return []Tap{
		// Every secret that the library or the command holds is made here.
		{"internal/redact/redact.go", "func NewSecret(value string) Secret {", "func NewSecret(value string) Secret {\n\tleakTap(\"secret\", value);"},
		// Every password and client secret that the emulator makes, stores or checks.
		{"emulator/internal/principal/secret.go", "func (k *Keys) passwordHash(r *RegistrySettings, token, slot, value string) []byte {", "func (k *Keys) passwordHash(r *RegistrySettings, token, slot, value string) []byte {\n\tleakTap(\"secret\", value);"},
		{"emulator/internal/principal/secret.go", "func (k *Keys) secretHash(clientID, value string) []byte {", "func (k *Keys) secretHash(clientID, value string) []byte {\n\tleakTap(\"secret\", value);"},
		{"emulator/internal/principal/secret.go", "	return text[:42] + \"+ACR\"", "	leakTap(\"secret\", text[:42])\n\treturn text[:42] + \"+ACR\""},
		{"emulator/internal/principal/secret.go", "	return base64.StdEncoding.EncodeToString(sum)[:32]", "	leakTap(\"secret\", base64.StdEncoding.EncodeToString(sum)[:32])\n\treturn base64.StdEncoding.EncodeToString(sum)[:32]"},
		// The key of the control API.
		{"emulator/control.go", "func (e *Emulator) ControlKey() seed.Secret {", "func (e *Emulator) ControlKey() seed.Secret {\n\tleakTap(\"secret\", e.controlKey);"},
		// What is shown.
		{"error.go", "func (e *Error) Error() string {\n", "func (e *Error) Error() string { s := e.leakText(); leakTap(\"error\", s+\"\\n\"+e.Hint+\"\\n\"+e.URL); return s }\n\nfunc (e *Error) leakText() string {\n"},
		{"cmd/acrkit/internal/cli/iostreams/output.go", "func (o *output) Write(p []byte) (int, error) {\n", "func (o *output) Write(p []byte) (int, error) {\n\tleakTap(\"output\", string(p));"},
		{"std:log/slog/handler.go", "	_, err := h.w.Write(*state.buf)", "	leakTap(\"log\", string(*state.buf))\n\t_, err := h.w.Write(*state.buf)"},
	}
}

// report is one line that a tap wrote.
type report struct {
	PID  int    `json:"pid"`
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// tapSource is put beside the files that call leakTap. One write to a file that
// is open for appending is one whole line, even if other processes write to it.
const tapSource = `package %s

import (
	leakos "os"
	leakconv "strconv"
	leakatomic "sync/atomic"
	leaksyscall "syscall"
)

// What was reported lately, by hash. A fixed place in memory, because tests
// watch how the heap grows.
var leakSeen [1 << 16]leakatomic.Uint64

func leakTap(kind, text string) {
	hash := uint64(14695981039346656037)
	for _, s := range [2]string{kind, text} {
		for i := range len(s) {
			hash = (hash ^ uint64(s[i])) * 1099511628211
		}
	}
	if leakSeen[hash%%uint64(len(leakSeen))].Swap(hash) == hash {
		return
	}
	f, err := leakos.OpenFile(%s, leakos.O_APPEND|leakos.O_CREATE|leakos.O_WRONLY, 0o600)
	if err != nil {
		panic("leakcheck: " + err.Error())
	}
	_, err = f.WriteString(leakconv.Itoa(leakos.Getpid()) + " " + kind + " " + leakconv.QuoteToASCII(text) + "\n")
	_ = f.Close()
	// A test of full disks may let its process write nothing more.
	if pathErr, ok := err.(*leakos.PathError); ok && pathErr.Err == leaksyscall.EFBIG {
		return
	}
	if err != nil {
		panic("leakcheck: " + err.Error())
	}
}
`

// WriteOverlay writes into dir what "go test -overlay" takes, and returns the
// file's name. Taps report to the file reports.
func WriteOverlay(root, goroot, dir, reports string) (string, error) {
	texts := map[string]string{}
	for _, tap := range Taps() {
		path := filepath.Join(root, filepath.FromSlash(tap.File))
		if std, ok := strings.CutPrefix(tap.File, "std:"); ok {
			path = filepath.Join(goroot, "src", filepath.FromSlash(std))
		}
		text, ok := texts[path]
		if !ok {
			data, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			text = string(data)
		}
		if n := strings.Count(text, tap.Find); n != 1 {
			return "", fmt.Errorf("the tap of %s no longer fits: %q occurs there %d times, want once; "+
				"see tools/leakcheck/taps.go", tap.File, tap.Find, n)
		}
		texts[path] = strings.Replace(text, tap.Find, tap.Replace, 1)
	}
	replace := map[string]string{}
	n := 0
	put := func(target, text string) error {
		n++
		name := filepath.Join(dir, fmt.Sprintf("overlay%d.go", n))
		replace[target] = name
		return os.WriteFile(name, []byte(text), 0o600)
	}
	for path, text := range texts {
		if err := put(path, text); err != nil {
			return "", err
		}
		beside := filepath.Join(filepath.Dir(path), "leaktap_overlay.go")
		if _, done := replace[beside]; done {
			continue
		}
		if err := put(beside, fmt.Sprintf(tapSource, packageName(text), strconv.Quote(reports))); err != nil {
			return "", err
		}
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, data, 0o600)
}

// packageName returns the name in the package clause of a source text.
func packageName(text string) string {
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "package "); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// readReports returns what processes with these ids reported.
func readReports(path string, pids map[int]bool) ([]report, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []report
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("a report of a tap is malformed: %.60q", line)
		}
		pid, err := strconv.Atoi(parts[0])
		if err != nil {
			return nil, fmt.Errorf("a report of a tap is malformed: %.60q", line)
		}
		if !pids[pid] {
			continue
		}
		text, err := strconv.Unquote(parts[2])
		if err != nil {
			return nil, fmt.Errorf("a report of a tap is malformed: %.60q", line)
		}
		out = append(out, report{pid, parts[1], text})
	}
	return out, nil
}
