package interop

import (
	"os"
	"path/filepath"
	"testing"
)

// writtenMap is a scope map whose description has what shells and JSON quote.
const writtenMap = `{"name": "written-map", "description": "of Jim's \"team\" $HOME",
  "actions": ["repositories/samples/*/content/read", "gateway/edge/config/read", "repositories/base/content/read",
    "repositories/samples/*/metadata/read", "repositories/samples/app/content/read", "gateway/edge/message/write"]}
`

// TestAzureCLI_scopeMap runs the command that "scope-map lint --fix --format az" writes in a
// shell, with the real az. What az shows of the map has the same rights, one by one and in
// the list of all maps, and is what lint finds nothing in.
func TestAzureCLI_scopeMap(t *testing.T) {
	need(t, *azProgram, "apt-get install azure-cli", []string{*azProgram, "version", "--output", "tsv"})
	t.Parallel()
	e, data := startControl(t)
	s := signInAz(t, e, data, controlOwner)
	file := filepath.Join(s.home, "map.json")
	if err := os.WriteFile(file, []byte(writtenMap), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.run("", "bash", "-c", `set -euo pipefail
		PATH="$(dirname "$ACRKIT"):$(dirname "$(command -v "$2")"):$PATH"
		acrkit scope-map lint "$1" --fix --format az --registry interop 2>/dev/null > create.sh
		bash create.sh > /dev/null
		az acr scope-map show --registry interop --name written-map --query description
		az acr scope-map show --registry interop --name written-map --output json > shown.json
		acrkit scope-map diff "$1" shown.json
		az acr scope-map list --registry interop --output json > all.json
		acrkit scope-map diff "$1" all.json#written-map
		acrkit scope-map lint all.json#written-map all.json#_repositories_admin
		az acr scope-map show --registry interop --name written-map --output json |
			acrkit scope-map lint - --fix --format lines 2>/dev/null | sort
		az acr scope-map delete --registry interop --name written-map --yes`, "bash", file, *azProgram)
	const want = `of Jim's "team" $HOME
the same rights
the same rights
scope maps: 2; findings: 0; often intended: 1 (--all shows them)
gateway/edge/config/read
gateway/edge/message/write
repositories/base/content/read
repositories/samples/*/content/read
repositories/samples/*/metadata/read
`
	if err != nil || out != want {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, out, want)
	}
}
