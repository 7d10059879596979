package interop

import "testing"

// terraformMapScript applies what "scope-map lint --fix --format terraform" writes, and
// compares the written map, the plan and the state; then what "suggest" and "generate" write.
// Then it reads a plan of azapi.
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
mkdir used
cd used
cat > events.json <<'EOF'
{"Type": "ContainerRegistryRepositoryEvents", "TimeGenerated": "2026-11-01T10:00:00Z", "OperationName": "Pull", "Repository": "samples/app", "Identity": "44444444-4444-4444-4444-444444444444", "LoginServer": "myregistry.azurecr.io", "ResultDescription": "200"}
{"Type": "ContainerRegistryRepositoryEvents", "TimeGenerated": "2026-11-02T10:00:00Z", "OperationName": "Push", "Repository": "base", "Identity": "44444444-4444-4444-4444-444444444444", "LoginServer": "myregistry.azurecr.io", "ResultDescription": "201"}
EOF
acrkit scope-map suggest events.json --format terraform | sed s,NAME,used-map, > used.tf
acrkit scope-map generate --for crane-copy --for acr-purge source=base target=mirror/base repository=samples/app \
  --format terraform --registry myregistry | sed -e s,NAME,purge-map, -e 's,"scope_map","jobs",' > jobs.tf
acrkit scope-map suggest events.json --role-assignment --format terraform > role.tf
terraform fmt -check .
cat > main.tf <<'EOF'
provider "azurerm" {
  features {}
}
data "azurerm_container_registry" "it" {
  name                = "myregistry"
  resource_group_name = var.resource_group_name
}
locals { id = data.azurerm_container_registry.it.id }
variable "resource_group_name" { default = "rg" }
variable "object_id" {} # of the environment
EOF
sed -i -e s,var.container_registry_id,local.id, -e s,var.principal_id,var.object_id, role.tf
terraform init
terraform apply -auto-approve
terraform plan -detailed-exitcode
terraform show -json > state.json
acrkit scope-map suggest events.json --format lines > used.txt
acrkit scope-map diff used.txt state.json#used-map
acrkit scope-map generate --for crane-copy --for acr-purge source=base target=mirror/base repository=samples/app \
  --format lines > jobs.txt
acrkit scope-map diff jobs.txt state.json#purge-map
terraform destroy -auto-approve
cd ..
for provider in . azapi; do
  terraform -chdir=$provider init
  terraform -chdir=$provider plan -out plan
  terraform -chdir=$provider show -json plan > $provider/plan.json
done
acrkit scope-map diff plan.json azapi/plan.json
`

// TestTerraform_scopeMap applies scope maps and a role assignment as acrkit writes them, and reads the JSON that the
// real Terraform prints of plans and states, of azurerm and azapi.
func TestTerraform_scopeMap(t *testing.T) {
	if *terraformMirror == "" {
		t.Skip("Terraform was NOT run: .ci/nightly terraform builds its providers and names them")
	}
	need(t, "terraform", "go install github.com/hashicorp/terraform@v1.8.5", []string{"terraform", "version"})
	newTerraform(t).run(t, 4, terraformPage(t)[0], terraformMapScript)
}
