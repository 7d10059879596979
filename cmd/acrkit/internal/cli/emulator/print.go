package emulator

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/shell"
)

// printStart prints the commands to use next. Passwords are read from a variable by
// --password-stdin; none is printed.
func printStart(s *iostreams.IOStreams, c connection, example bool) {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	head := func(text string) { line("\n%s", s.Styled(iostreams.Bold, text)) }

	line("The emulator is ready; end it with Ctrl-C.")
	line("")
	_, port, _ := strings.Cut(c.LoginServer, ":")
	for i, name := range c.Registries {
		host := name + ".azurecr.localhost"
		if port != "" {
			host += ":" + port
		}
		if i == 0 {
			line("  registry          %s at %s, also %s", name, c.LoginServer, host)
		} else {
			line("  registry          %s at %s", name, host)
		}
	}
	line("  Entra authority   %s", c.url())
	line("  resource manager  %s", c.url())
	line("  CA certificate    %s", c.CAFile)
	if c.DataDir == "" {
		line("  state             in memory; its commands want --data %s", filepath.Dir(c.CAFile))
	} else {
		line("  state             %s", c.DataDir)
	}
	if len(c.Tokens) > 0 {
		line("  tokens            %s", strings.Join(c.Tokens, ", "))
	}
	if c.Client != "" {
		line("  service principal %s in tenant %s", c.Client, c.Tenant)
	}
	if example {
		line("  passwords         those of the example seed: acrkit emulator seed init -")
	}

	name := "TOKEN_NAME"
	if len(c.Tokens) > 0 {
		name = c.Tokens[0]
	}
	head("Log in with a token's name and password (the password in $ACR_TOKEN_PASSWORD):")
	pipe := `printf %s "$ACR_TOKEN_PASSWORD" | `
	for _, tool := range logins(c, name) {
		line("  %s%s", pipe, tool)
	}

	for _, u := range uses(c) {
		head(u.head)
		for _, l := range u.lines {
			line("  %s", l)
		}
	}
	fmt.Fprint(s.Out, b.String())
}

// use is a block of lines for a shell, under a heading that says what they need.
type use struct {
	head  string
	lines []string
}

// uses returns what to paste to use the emulator with a token, or anonymously
// where there is none, and as a service principal. What is exported is never half
// a credential.
func uses(c connection) []use {
	ca := " SSL_CERT_FILE=" + shell.Quote(c.CAFile)
	plain := "export ACR_NAME=" + c.LoginServer + ca
	principal := "export ACR_NAME=" + c.LoginServer + " AZURE_AUTHORITY_HOST=" + c.url() + " AZURE_TENANT_ID=" +
		c.Tenant + " AZURE_CLIENT_ID=" + c.Client + ca
	if c.DataDir != "" {
		data := ` --data ` + shell.Quote(c.DataDir) + `)"`
		plain, principal = `eval "$(acrkit emulator env`+data, `eval "$(acrkit emulator env --service-principal`+data
	}
	out := []use{{"Use it from a shell, without a credential where anonymous pull is on:",
		[]string{plain, "acrkit whoami"}}}
	if t, ok := c.publicToken(); ok && c.DataDir != "" {
		out = []use{{"Use it from a shell, as the token " + t.name + " of the example seed:",
			[]string{plain, "acrkit whoami --repository samples/app"}}}
	} else if len(c.Tokens) > 0 {
		out = []use{{"Use it from a shell (the password in $ACR_TOKEN_PASSWORD):",
			[]string{plain, "export ACR_TOKEN_NAME=" + shell.Quote(c.Tokens[0]) +
				" ACR_TOKEN_PASSWORD", "acrkit whoami"}}}
	}
	if c.Client != "" {
		out = append(out, use{"As the service principal, from the Azure SDKs too (its secret in $AZURE_CLIENT_SECRET):",
			[]string{principal, "export AZURE_CLIENT_SECRET", "acrkit whoami --auth service-principal"}})
	}
	return out
}

// logins returns a login command for each tool. They differ on this machine:
// docker takes all of 127/8 as insecure and needs no certificate; podman's own
// flag wants a folder of *.crt files, so it gets the system's variable, the only
// one that crane knows; and oras speaks plain HTTP to localhost unless an option tells it
// not to.
func logins(c connection, name string) []string {
	host, ca := c.LoginServer, shell.Quote(c.CAFile)
	user := " --username " + shell.Quote(name) + " --password-stdin "
	return []string{
		"docker login" + user + host,
		"SSL_CERT_FILE=" + ca + " podman login" + user + host,
		"oras login --plain-http=false --ca-file " + ca + user + host,
		"SSL_CERT_FILE=" + ca + " crane auth login --username " + shell.Quote(name) + " --password-stdin " + host,
		"helm registry login --ca-file " + ca + user + host,
	}
}
