package service

const registries = "Microsoft.ContainerRegistry/registries/"

// ofRegistries adds the provider to actions that are named from "registries/" on.
func ofRegistries(actions ...string) (out []string) {
	for _, a := range actions {
		out = append(out, registries+a)
	}
	return out
}

// registryRoles are those for the content of a whole registry.
func registryRoles() []Role {
	return []Role{
		{ID: "7f951dda-4ed3-4680-a7ca-43fe172d538d", Name: "AcrPull", Description: "acr pull",
			Control: Control{Actions: ofRegistries("pull/read")}},
		{ID: "8311e382-0749-4cb8-b61a-304f252e45ec", Name: "AcrPush", Description: "acr push",
			Control: Control{Actions: ofRegistries("pull/read", "push/write")}},
		{ID: "c2f4ef07-c644-48eb-af81-4b1b4947fb11", Name: "AcrDelete", Description: "acr delete",
			Control: Control{Actions: ofRegistries("artifacts/delete")}},
	}
}

// generalRoles are those of all Azure resources.
func generalRoles() []Role {
	return []Role{
		{ID: "acdd72a7-3385-48ef-bd42-f606fba81ae7", Name: "Reader",
			Description: "View all resources, but does not allow you to make any changes.",
			Control:     Control{Actions: []string{"*/read"}}},
		{ID: "b24988ac-6180-42a0-ab88-20f7382dd24c", Name: "Contributor",
			Description: "Grants full access to manage all resources, but does not allow you to assign roles in " +
				"Azure RBAC, manage assignments in Azure Blueprints, or share image galleries.",
			Control: Control{Actions: []string{"*"}, NotActions: []string{"Microsoft.Authorization/*/Delete",
				"Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action",
				"Microsoft.Blueprint/blueprintAssignments/write", "Microsoft.Blueprint/blueprintAssignments/delete",
				"Microsoft.Compute/galleries/share/action", "Microsoft.Purview/consents/write",
				"Microsoft.Purview/consents/delete"}}},
		{ID: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", Name: "Owner",
			Description: "Grants full access to manage all resources, including the ability to assign roles in " +
				"Azure RBAC.",
			Control: Control{Actions: []string{"*"}}},
		{ID: "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9", Name: "User Access Administrator",
			Description: "Lets you manage user access to Azure resources.",
			Control:     Control{Actions: []string{"*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"}}},
		{ID: "f58310d9-a9f6-439a-9e8d-f62e7b41a168", Name: "Role Based Access Control Administrator",
			Description: "Manage access to Azure resources by assigning roles using Azure RBAC. This role does not " +
				"allow you to manage access using other ways, such as Azure Policy.",
			Control: Control{Actions: []string{"Microsoft.Authorization/roleAssignments/write",
				"Microsoft.Authorization/roleAssignments/delete", "*/read", "Microsoft.Support/*"}}},
	}
}

// repositoryRoles are those of ABAC mode.
func repositoryRoles() []Role {
	const (
		contentRead  = "repositories/content/read"
		contentWrite = "repositories/content/write"
		metaRead     = "repositories/metadata/read"
		metaWrite    = "repositories/metadata/write"
	)
	return []Role{
		{ID: "b93aa761-3e63-49ed-ac28-beffa264f7ac", Name: "Container Registry Repository Reader",
			Description: "Allows for read access to Azure Container Registry repositories, but excluding catalog " +
				"listing. This role is in preview and subject to change.",
			Control: Control{DataActions: ofRegistries(metaRead, contentRead)}},
		{ID: "2a1e307c-b015-4ebd-883e-5b7698a07328", Name: "Container Registry Repository Writer",
			Description: "Allows for read and write access to Azure Container Registry repositories, but excluding " +
				"catalog listing. This role is in preview and subject to change.",
			Control: Control{DataActions: ofRegistries(metaRead, contentRead, metaWrite, contentWrite)}},
		{ID: "2efddaa5-3f1f-4df3-97df-af3f13818f4c", Name: "Container Registry Repository Contributor",
			Description: "Allows for read, write, and delete access to Azure Container Registry repositories, but " +
				"excluding catalog listing. This role is in preview and subject to change.",
			Control: Control{DataActions: ofRegistries(metaRead, contentRead, metaWrite, contentWrite,
				"repositories/metadata/delete", "repositories/content/delete")}},
		{ID: "bfdb9389-c9a5-478a-bb2f-ba9ca092c3c7", Name: "Container Registry Repository Catalog Lister",
			Description: "Allows for listing all repositories in an Azure Container Registry. This role is in " +
				"preview and subject to change.",
			Control: Control{DataActions: ofRegistries("catalog/read")}},
	}
}

// configurationRoles are those that manage registries and give no right on their content.
// Of their actions those are left out that the emulator has no resource for.
func configurationRoles() []Role {
	reads := append(ofRegistries("operationStatuses/read", "read", "replications/read",
		"replications/operationStatuses/read", "privateEndpointConnections/read", "tokens/read",
		"tokens/operationStatuses/read", "scopeMaps/read", "scopeMaps/operationStatuses/read",
		"connectedRegistries/read", "webhooks/read", "webhooks/operationStatuses/read"),
		"Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Authorization/*/read",
		"Microsoft.ContainerRegistry/locations/operationResults/read")
	writes := ofRegistries("write", "delete", "listCredentials/action", "regenerateCredential/action",
		"generateCredentials/action", "replications/write", "replications/delete", "tokens/write", "tokens/delete",
		"scopeMaps/write", "scopeMaps/delete", "connectedRegistries/write", "connectedRegistries/delete",
		"webhooks/write", "webhooks/delete")
	return []Role{
		{ID: "3bc748fc-213d-45c1-8d91-9da5725539b9",
			Name: "Container Registry Contributor and Data Access Configuration Administrator",
			Description: "Provides permissions to create, list, and update container registries and registry " +
				"configuration properties, and to configure data access such as admin user credentials, scope maps, " +
				"and tokens.",
			Control: Control{Actions: append(writes, reads...)}},
		{ID: "69b07be0-09bf-439a-b9a6-e73de851bd59",
			Name: "Container Registry Configuration Reader and Data Access Configuration Reader",
			Description: "Provides permissions to list container registries and registry configuration properties, " +
				"and data access configuration such as scope maps and tokens.",
			Control: Control{Actions: reads}},
	}
}
