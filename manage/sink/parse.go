package sink

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/visible"
)

// The kinds of sinks, and the options in their texts.
const (
	kindFile   = "file"
	kindDocker = "docker"
	kindExec   = "exec"

	optFormat = "format"
	optCache  = "cache"
	optRead   = "read"
	optVerify = "verify"
)

// dockerConfigJSON is the format of a login for container clients. Source: Kubernetes,
// "Secrets", type kubernetes.io/dockerconfigjson.
const dockerConfigJSON = "dockerconfigjson"

// Options are what sinks use of the process. Nil means the process's own.
type Options struct {
	LookupEnv func(string) (string, bool) // as os.LookupEnv: where Docker's configuration is
	Environ   func() []string             // as os.Environ: the environment of commands
}

func (o *Options) orDefault() Options {
	out := Options{LookupEnv: os.LookupEnv, Environ: os.Environ}
	if o != nil && o.LookupEnv != nil {
		out.LookupEnv = o.LookupEnv
	}
	if o != nil && o.Environ != nil {
		out.Environ = o.Environ
	}
	return out
}

// Parse reads a sink as a user writes it:
//
//	file:PATH [format:dockerconfigjson] [cache:DURATION]
//	docker [cache:DURATION]
//	exec:PROGRAM [ARGUMENT…] [read:PROGRAM [ARGUMENT…]] [verify:PROGRAM [ARGUMENT…]]
//	     [format:dockerconfigjson] [cache:DURATION]
//
// Words are separated by spaces; quotes, '…' or "…", keep them in a word. There is no
// other escape and no shell: exec:sh -c '…' names one.
//
// A file holds the password and nothing else, or, as dockerconfigjson, a login beside those
// of other hosts. It has mode 0600. docker is the login in Docker's config.json, or in the
// credential helper that it names for the registry.
//
// A command gets the password on its standard input, in the given format, and has
// delivered it if it exits with 0. read: prints what the programs get, in the same format;
// verify: gets the password on its standard input as well, and exits with 0 if the programs
// get it. The arguments must not hold a secret: other users can read them.
//
// cache is how long programs may go on with a password that they have read; 0 unless it is
// given. A malformed text is an error with [acrkit.CodeUsage].
func Parse(text string, opts *Options) (Sink, error) {
	wrong := func(format string, a ...any) (Sink, error) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the sink", Reason: fmt.Sprintf(format, a...),
			Hint: sentence.Fix(sentence.ExplainSinks, nil)}
	}
	all, err := split(text)
	if err != nil {
		return wrong("%v", err)
	}
	if len(all) == 0 {
		return wrong("it is empty")
	}
	kind, first, _ := strings.Cut(all[0], ":")
	options, ok := optionsOf[kind]
	if !ok {
		return wrong("it begins with none of file:, docker and exec:")
	}
	words, current := map[string][]string{}, ""
	for at, word := range all {
		name, value, found := strings.Cut(word, ":")
		switch {
		case at == 0 || found && slices.Contains(options, name):
			if words[name] != nil {
				return wrong("it has %s: twice", name)
			}
			words[name], current = []string{value}, name
		case isProgram(current):
			words[current] = append(words[current], word)
		default:
			return wrong("what follows %s: is not an option of it; quote a name that has spaces", current)
		}
	}
	c := common{text: visible.Line(text)}
	if c.docker, err = formatOf(words[optFormat]); err != nil {
		return wrong("%v", err)
	}
	if c.cache, err = cacheOf(words[optCache]); err != nil {
		return wrong("%v", err)
	}
	for name, w := range words {
		if w[0] == "" && name != kindDocker {
			return wrong("nothing follows %s:", name)
		}
	}
	o := opts.orDefault()
	switch kind {
	case kindFile:
		return &file{common: c, path: first}, nil
	case kindDocker:
		if first != "" {
			return wrong("no folder follows docker; the variable DOCKER_CONFIG names it")
		}
		return &docker{common: c, lookupEnv: o.LookupEnv, environ: o.Environ}, nil
	}
	return &command{common: c, deliver: words[kindExec], read: words[optRead], verify: words[optVerify],
		environ: o.Environ, time: commandTime}, nil
}

// optionsOf are the options of each kind.
var optionsOf = map[string][]string{
	kindFile:   {optFormat, optCache},
	kindDocker: {optCache},
	kindExec:   {optFormat, optCache, optRead, optVerify},
}

func isProgram(name string) bool { return name == kindExec || name == optRead || name == optVerify }

func formatOf(w []string) (docker bool, err error) {
	if w != nil && w[0] != dockerConfigJSON {
		return false, fmt.Errorf("the only format is %s; without one it is the password alone", dockerConfigJSON)
	}
	return w != nil, nil
}

// maxCache is the longest cache that can be given; a longer one is a mistake.
const maxCache = 31 * 24 * time.Hour

func cacheOf(w []string) (time.Duration, error) {
	if w == nil {
		return 0, nil
	}
	d, err := time.ParseDuration(w[0])
	//rule:sink-cache-of
	if err != nil || d < 0 || d > maxCache {
		return 0, fmt.Errorf("cache is a duration such as 10m, of at most %s", maxCache)
	}
	return d, nil
}

// split returns the words of a text. Quotes are removed; what they enclose is unchanged.
func split(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inside, quote := false, rune(0)
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inside = r, true
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if inside {
				words = append(words, word.String())
				word.Reset()
			}
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote, %c, is not closed", quote)
	}
	if inside {
		words = append(words, word.String())
	}
	return words, nil
}

// common is what all sinks have.
type common struct {
	text   string
	docker bool // the format is dockerconfigjson
	cache  time.Duration
}

func (c *common) String() string       { return c.text }
func (c *common) Cache() time.Duration { return c.cache }
