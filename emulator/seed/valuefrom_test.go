package seed

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
)

const referring = `registries:
  - name: myregistry
    tokens:
      - name: ci-pull
        scopeMap: _repositories_pull
        passwords:
          - {name: password1, valueFrom: {env: CI_PULL}}
          - {name: password2, valueFrom: {file: /run/ci-pull}}
`

// sources are variables and files of a test.
func sources(env, files map[string]string) *Sources {
	return &Sources{
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Open: func(path string) (io.ReadCloser, error) {
			text, ok := files[path]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
			}
			return io.NopCloser(strings.NewReader(text)), nil
		},
	}
}

// TestValueFrom: the values come from where the seed says, without the newline of a file.
func TestValueFrom(t *testing.T) {
	s, err := ReadFrom(strings.NewReader(referring),
		sources(map[string]string{"CI_PULL": "from-the-environment"},
			map[string]string{"/run/ci-pull": "from-the-file\r\n"}))
	if err != nil {
		t.Fatal(err)
	}
	got := s.Registries[0].Tokens[0].Passwords
	if got[0].Value != "from-the-environment" || got[1].Value != "from-the-file" || !got[0].IsPrivate() ||
		!got[1].IsPrivate() {
		t.Errorf("%q, %q", string(got[0].Value), string(got[1].Value))
	}
	if err := s.Check(); err != nil {
		t.Errorf("what was read cannot be used: %v", err)
	}
	if (Password{Value: "from-the-file"}).IsPrivate() || (ClientSecret{Value: "from-the-file"}).IsPrivate() {
		t.Error("a value in the seed counts as private")
	}
}

// TestValueFrom_public: a password of the example is public, wherever it is given.
func TestValueFrom_public(t *testing.T) {
	count := 0
	for value := range public() {
		count++
		from := ValueFrom{Env: "X"}
		if (Password{Value: value, ValueFrom: from}).IsPrivate() ||
			(ClientSecret{Value: value, ValueFrom: from}).IsPrivate() {
			t.Errorf("a secret of the example counts as private")
		}
	}
	if count != 6 {
		t.Errorf("the example has %d secrets, want 6", count)
	}
}

// TestValueFrom_unread: a seed is checked without its values, and not used without them.
func TestValueFrom_unread(t *testing.T) {
	s, err := Read(strings.NewReader(referring))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); !errors.Is(err, acrkit.CodeUsage) ||
		!strings.Contains(err.Error(), "passwords[0].valueFrom: its value was not read") {
		t.Error(err)
	}
}

func TestValueFrom_errors(t *testing.T) {
	good := map[string]string{"CI_PULL": "from-the-environment"}
	for name, x := range map[string]struct {
		old, with, file, want string
	}{
		"not set": {"CI_PULL", "CI_PUSH", "good-password",
			`line 7: registries[0].tokens[0].passwords[0].valueFrom: the environment variable "CI_PUSH" is not set`},
		"no file": {"/run/ci-pull", "/run/other", "good-password",
			`line 8: registries[0].tokens[0].passwords[1].valueFrom: the file "/run/other" cannot be read: `},
		"empty file": {"", "", "\n",
			`line 8: registries[0].tokens[0].passwords[1].valueFrom: the file "/run/ci-pull" is empty`},
		"both": {"valueFrom: {env", "value: in-the-seed-0001, valueFrom: {env", "good-password",
			"line 7: registries[0].tokens[0].passwords[0]: has both value and valueFrom"},
		"env, file": {"{env: CI_PULL", "{env: CI_PULL, file: /run/ci-pull", "good-password",
			"line 7: registries[0].tokens[0].passwords[0].valueFrom: has both env and file"},
		"bad name": {"CI_PULL", "CI=PULL", "good-password", "env is not the name of an environment variable"},
		"neither":  {"{env: CI_PULL}", "{}", "good-password", "registries[0].tokens[0].passwords[0]: has no value"},
		"unknown key": {"{env: CI_PULL}", "{vault: x}", "good-password",
			"valueFrom: unknown key \"vault\"; it may have env, file"},
		"short": {"", "", "pw-1234",
			"line 8: registries[0].tokens[0].passwords[1].valueFrom: is shorter than 8 bytes"},
		"two lines": {"", "", "good-password\nsecond\n", "has a character that is not printable ASCII"},
		"limit":     {"", "", strings.Repeat("x", int(valueLimit.Bytes)), "is longer than 256 bytes"},
		"above it": {"", "", strings.Repeat("x", int(valueLimit.Bytes)+1),
			"it is larger than the limit of 4096 bytes"},
	} {
		text := strings.Replace(referring, x.old, x.with, 1)
		_, err := ReadFrom(strings.NewReader(text), sources(good, map[string]string{"/run/ci-pull": x.file}))
		if !errors.Is(err, acrkit.CodeUsage) || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", name, err)
		}
		for _, secret := range []string{"good-password", "pw-1234", "in-the-seed", "from-the-env", "xxx"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error quotes a secret", name)
			}
		}
	}
}
