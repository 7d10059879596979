package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// usedRows is what a query has counted of the identity of controlOwner.
const usedRows = `LoginServer,Identity,Repository,OperationName,Count,First,Last
interop.azurecr.io,22222222-2222-2222-2222-222222222222,samples/app,Pull,7,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z
interop.azurecr.io,22222222-2222-2222-2222-222222222222,base,Pull,7,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z
`

// TestAzureCLI_suggest runs the commands that "scope-map suggest" writes in a shell, with the real
// az: one that makes the smallest map, and one that takes away what was not used.
func TestAzureCLI_suggest(t *testing.T) {
	need(t, *azProgram, "apt-get install azure-cli", []string{*azProgram, "version", "--output", "tsv"})
	t.Parallel()
	e, data := startControl(t)
	s := signInAz(t, e, data, controlOwner)
	file := filepath.Join(s.home, "rows.csv")
	if err := os.WriteFile(file, []byte(usedRows), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := s.run("", "bash", "-c", `set -euo pipefail
		PATH="$(dirname "$ACRKIT"):$(dirname "$(command -v "$2")"):$PATH"
		acrkit scope-map suggest "$1" --format az 2>/dev/null | sed 's/--name NAME/--name suggested/' > create.sh
		bash create.sh > /dev/null
		az acr scope-map show --registry interop --name suggested --output json > suggested.json
		acrkit scope-map suggest "$1" --granted suggested.json 2>/dev/null
		az acr scope-map update --registry interop --name suggested --output none \
			--add-repository 'samples/*' content/read metadata/read --add-repository base content/write
		az acr scope-map show --registry interop --name suggested --output json > wide.json
		acrkit scope-map suggest "$1" --granted wide.json --format az 2>/dev/null > update.sh || [ $? = 8 ]
		bash update.sh > /dev/null
		az acr scope-map show --registry interop --name suggested --output json |
			acrkit scope-map lint - --fix --format lines 2>/dev/null | sort
		az acr scope-map delete --registry interop --name suggested --yes`, "bash", file, *azProgram)
	const want = "keep\tcontent/read\tbase\t7\t2026-02-01T00:00:00Z\t\n" +
		"keep\tcontent/read\tsamples/app\t7\t2026-02-01T00:00:00Z\t\n" + `repositories/base/content/read
repositories/samples/*/metadata/read
repositories/samples/app/content/read
`
	if err != nil || out != want {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, out, want)
	}
	if *azProgram == "az" { // Debian's az cannot assign roles; see azRoles
		return
	}
	out, err = s.run("", "bash", "-c", `set -euo pipefail
		PATH="$(dirname "$ACRKIT"):$(dirname "$(command -v "$2")"):$PATH"
		acrkit scope-map suggest "$1" --role-assignment --format az 2>/dev/null > assign.sh
		bash assign.sh > /dev/null
		az role assignment list --assignee 22222222-2222-2222-2222-222222222222 --scope "$(az acr show --name interop \
			--query id --output tsv)" --query "[?condition!=null].[roleDefinitionName,condition]" --output tsv`,
		"bash", file, *azProgram)
	if err != nil || !strings.HasPrefix(out, "Container Registry Repository Reader\t") ||
		!strings.Contains(out, "{'base', 'samples/app'}") {
		t.Errorf("%v, the role assignment is %s", err, out)
	}
}
