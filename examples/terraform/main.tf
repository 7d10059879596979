# A group, a registry, a scope map, a token with two passwords, and a role that is limited
# to repositories: made by azurerm on acrkit's emulator, and the same on Azure.
terraform {
  required_providers {
    azurerm = { source = "hashicorp/azurerm", version = "~> 5.0" }
  }
}

# Everything else comes from the environment: acrkit emulator env --for terraform.
provider "azurerm" {
  features {}
}

variable "object_id" {
  description = "Object id of the service principal that gets the role."
  type        = string
}

variable "registry" {
  description = "Name of the registry, from 5 to 50 letters and digits."
  type        = string
  default     = "terraformed"
}

resource "azurerm_resource_group" "example" {
  name     = "terraform"
  location = "westeurope"
}

resource "azurerm_container_registry" "example" {
  name                = var.registry
  resource_group_name = azurerm_resource_group.example.name
  location            = azurerm_resource_group.example.location
  sku                 = "Premium"
}

resource "azurerm_container_registry_scope_map" "ci" {
  name                    = "ci-app"
  container_registry_name = azurerm_container_registry.example.name
  resource_group_name     = azurerm_resource_group.example.name
  actions = [
    "repositories/samples/app/content/read",
    "repositories/samples/app/content/write",
    "repositories/samples/app/metadata/read",
  ]
}

resource "azurerm_container_registry_token" "ci" {
  name                    = "ci-app"
  container_registry_name = azurerm_container_registry.example.name
  resource_group_name     = azurerm_resource_group.example.name
  scope_map_id            = azurerm_container_registry_scope_map.ci.id
}

resource "azurerm_container_registry_token_password" "ci" {
  container_registry_token_id = azurerm_container_registry_token.ci.id

  password1 { expiry = "2040-01-01T00:00:00Z" }
  password2 {}
}

resource "azurerm_role_assignment" "reader" {
  scope                = azurerm_container_registry.example.id
  role_definition_name = "Container Registry Repository Reader"
  principal_id         = var.object_id
  principal_type       = "ServicePrincipal"
  condition_version    = "2.0"
  condition            = <<-EOT
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
}

output "login_server" {
  value = azurerm_container_registry.example.login_server
}

output "token_name" {
  value = azurerm_container_registry_token.ci.name
}

output "password" {
  value     = azurerm_container_registry_token_password.ci.password1[0].value
  sensitive = true
}
