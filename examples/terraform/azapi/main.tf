# What ../main.tf makes, by azapi, which sends what it is told to Azure Resource Manager.
terraform {
  required_providers {
    azapi = { source = "Azure/azapi", version = ">= 1.15" }
  }
}

# Everything else comes from the environment: acrkit emulator env --for terraform.
provider "azapi" {}

variable "object_id" {
  description = "Object id of the service principal that gets the role."
  type        = string
}

variable "registry" {
  description = "Name of the registry, from 5 to 50 letters and digits."
  type        = string
  default     = "terraformed"
}

data "azapi_client_config" "current" {}

resource "azapi_resource" "group" {
  type     = "Microsoft.Resources/resourceGroups@2023-07-01"
  name     = "terraform"
  location = "westeurope"
}

resource "azapi_resource" "registry" {
  type      = "Microsoft.ContainerRegistry/registries@2023-07-01"
  name      = var.registry
  parent_id = azapi_resource.group.id
  location  = azapi_resource.group.location
  body      = { sku = { name = "Premium" } }

  response_export_values = ["properties.loginServer"]
}

resource "azapi_resource" "scope_map" {
  type      = "Microsoft.ContainerRegistry/registries/scopeMaps@2023-07-01"
  name      = "ci-app"
  parent_id = azapi_resource.registry.id
  body = {
    properties = {
      actions = [
        "repositories/samples/app/content/read",
        "repositories/samples/app/content/write",
        "repositories/samples/app/metadata/read",
      ]
    }
  }
}

resource "azapi_resource" "token" {
  type      = "Microsoft.ContainerRegistry/registries/tokens@2023-07-01"
  name      = "ci-app"
  parent_id = azapi_resource.registry.id
  body      = { properties = { scopeMapId = azapi_resource.scope_map.id, status = "enabled" } }
}

# Both passwords, which the answer alone has.
resource "azapi_resource_action" "passwords" {
  type        = "Microsoft.ContainerRegistry/registries@2023-07-01"
  resource_id = azapi_resource.registry.id
  action      = "generateCredentials"
  body        = { tokenId = azapi_resource.token.id, expiry = "2040-01-01T00:00:00Z" }

  response_export_values = ["username", "passwords"]
}

resource "azapi_resource" "reader" {
  type      = "Microsoft.Authorization/roleAssignments@2022-04-01"
  name      = uuidv5("url", "${azapi_resource.registry.id}/reader/${var.object_id}")
  parent_id = azapi_resource.registry.id
  body = {
    properties = {
      principalId      = var.object_id
      principalType    = "ServicePrincipal"
      conditionVersion = "2.0"
      condition        = <<-EOT
        (
         (
          !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})
         )
         OR
         (
          @Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEqualsIgnoreCase 'samples/app'
         )
        )
      EOT
      # Container Registry Repository Reader
      roleDefinitionId = join("/", [
        "/subscriptions", data.azapi_client_config.current.subscription_id, "providers", "Microsoft.Authorization",
        "roleDefinitions", "b93aa761-3e63-49ed-ac28-beffa264f7ac",
      ])
    }
  }
}

output "login_server" {
  value = azapi_resource.registry.output.properties.loginServer
}

output "token_name" {
  value = azapi_resource_action.passwords.output.username
}

output "password" {
  value     = azapi_resource_action.passwords.output.passwords[0].value
  sensitive = true
}
