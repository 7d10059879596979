package interop

import "testing"

// terraformMapScript applies what "scope-map lint --fix --format terraform" writes, and
// compares the written map, the plan and the state. Then it reads a plan of azapi.
const terraformMapScript = `
mkdir map
cd map
cat > map.json <<'EOF'
{"name": "written-map", "description": "of \"Jim\" ${x} %{if}",
  "actions": ["repositories/samples/*/content/read", "repositories/samples/*/metadata/read",
    "repositories/samples/app/content/read", "repositories/base/content/read", "gateway/edge/config/read"]}
EOF
acrkit scope-map lint map.json --fix --format terraform --registry myregistry > map.tf
terraform fmt -check map.tf
cat > main.tf <<'EOF'
provider "azurerm" {
  features {}
}
variable "resource_group_name" { default = "rg" }
EOF
terraform init
terraform plan -out plan
terraform show -json plan > plan.json
acrkit scope-map diff map.json plan.json
terraform apply -auto-approve plan
terraform show -json > state.json
acrkit scope-map diff map.json state.json#azurerm_container_registry_scope_map.written_map
acrkit scope-map lint state.json --json kind --jq length | grep -x 0
terraform plan -detailed-exitcode
sed -i s,base/content/read,base/content/write, map.tf
terraform plan -out plan
terraform show -json plan > plan.json
acrkit scope-map diff state.json plan.json > changed || [ $? = 8 ]
diff changed - <<'EOF'
gained	content/write	base
lost	content/read	base
EOF
terraform destroy -auto-approve
cd ..
for provider in . azapi; do
  terraform -chdir=$provider init
  terraform -chdir=$provider plan -out plan
  terraform -chdir=$provider show -json plan > $provider/plan.json
done
acrkit scope-map diff plan.json azapi/plan.json
`

// TestTerraform_scopeMap applies a scope map as acrkit writes it, and reads the JSON that the
// real Terraform prints of plans and states, of azurerm and azapi.
func TestTerraform_scopeMap(t *testing.T) {
	if *terraformMirror == "" {
		t.Skip("Terraform was NOT run: .ci/nightly terraform builds its providers and names them")
	}
	need(t, "terraform", "go install github.com/hashicorp/terraform@v1.8.5", []string{"terraform", "version"})
	newTerraform(t).run(t, 1, terraformPage(t)[0], terraformMapScript)
}
