// Command control lives the life of a scope map, a token, its passwords and a role with
// Microsoft's packages for Azure Resource Manager, on a registry that is there. It is set up
// by what "acrkit emulator env --for armsdk" prints, and prints what it did, line by line.
//
//	control GROUP REGISTRY PRINCIPAL
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"
)

// polling is how often an operation is asked for where the answer names no time.
var polling = &runtime.PollUntilDoneOptions{Frequency: time.Second}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		if refused := (*azcore.ResponseError)(nil); errors.As(err, &refused) {
			fmt.Println("refused", refused.StatusCode, refused.ErrorCode)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, group, registry, principal string) error {
	endpoint, subscription := os.Getenv("AZURE_RESOURCE_MANAGER_ENDPOINT"), os.Getenv("AZURE_SUBSCRIPTION_ID")
	client := policy.ClientOptions{Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: os.Getenv("AZURE_AUTHORITY_HOST"),
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Endpoint: endpoint, Audience: endpoint},
		},
	}}
	credential, err := azidentity.NewClientSecretCredential(os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"),
		os.Getenv("AZURE_CLIENT_SECRET"),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: client, DisableInstanceDiscovery: true})
	if err != nil {
		return err
	}
	options := &arm.ClientOptions{ClientOptions: client, DisableRPRegistration: true}
	registries, err := armcontainerregistry.NewClientFactory(subscription, credential, options)
	if err != nil {
		return err
	}
	roles, err := armauthorization.NewClientFactory(subscription, credential, options)
	if err != nil {
		return err
	}
	found, err := registries.NewRegistriesClient().Get(ctx, group, registry, nil)
	if err != nil {
		return err
	}
	if err := token(ctx, registries, group, registry); err != nil {
		return err
	}
	return role(ctx, roles, *found.ID, principal)
}

// token makes a scope map and a token with passwords, changes and removes them.
func token(ctx context.Context, f *armcontainerregistry.ClientFactory, group, registry string) error {
	maps, tokens := f.NewScopeMapsClient(), f.NewTokensClient()
	scopeMap, err := done(maps.BeginCreate(ctx, group, registry, "sdk-map", armcontainerregistry.ScopeMap{
		Properties: &armcontainerregistry.ScopeMapProperties{
			Actions: to.SliceOfPtrs("repositories/samples/app/content/read"), Description: to.Ptr("by the SDK"),
		}}, nil))(ctx)
	if err != nil {
		return err
	}
	fmt.Println("scope map", *scopeMap.Properties.ProvisioningState, *scopeMap.Properties.Actions[0])
	changed, err := done(maps.BeginUpdate(ctx, group, registry, "sdk-map",
		armcontainerregistry.ScopeMapUpdateParameters{
			Properties: &armcontainerregistry.ScopeMapPropertiesUpdateParameters{
				Actions: to.SliceOfPtrs("repositories/samples/app/content/read",
					"repositories/samples/app/metadata/read"),
			}}, nil))(ctx)
	if err != nil {
		return err
	}
	fmt.Println("scope map with", len(changed.Properties.Actions), "actions,", *changed.Properties.Description)

	made, err := done(tokens.BeginCreate(ctx, group, registry, "sdk-token", armcontainerregistry.Token{
		Properties: &armcontainerregistry.TokenProperties{
			ScopeMapID: scopeMap.ID, Status: to.Ptr(armcontainerregistry.TokenStatusEnabled),
		}}, nil))(ctx)
	if err != nil {
		return err
	}
	fmt.Println("token", *made.Properties.Status, len(made.Properties.Credentials.Passwords), "passwords")
	both, err := done(f.NewRegistriesClient().BeginGenerateCredentials(ctx, group, registry,
		armcontainerregistry.GenerateCredentialsParameters{TokenID: made.ID}, nil))(ctx)
	if err != nil {
		return err
	}
	fmt.Println("passwords of", *both.Username)
	for _, p := range both.Passwords {
		fmt.Println(" ", *p.Name, len(*p.Value) > 0)
	}
	kept, err := done(tokens.BeginUpdate(ctx, group, registry, "sdk-token", armcontainerregistry.TokenUpdateParameters{
		Properties: &armcontainerregistry.TokenUpdateProperties{
			Status: to.Ptr(armcontainerregistry.TokenStatusDisabled),
			Credentials: &armcontainerregistry.TokenCredentialsProperties{
				Passwords: []*armcontainerregistry.TokenPassword{
					{Name: to.Ptr(armcontainerregistry.TokenPasswordNamePassword2)}},
			},
		}}, nil))(ctx)
	if err != nil {
		return err
	}
	fmt.Println("token", *kept.Properties.Status, len(kept.Properties.Credentials.Passwords), "password left")

	n := 0
	for pages := tokens.NewListPager(group, registry, nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		n += len(page.Value)
	}
	fmt.Println("tokens listed", n)
	if _, err := done(tokens.BeginDelete(ctx, group, registry, "sdk-token", nil))(ctx); err != nil {
		return err
	}
	if _, err := done(maps.BeginDelete(ctx, group, registry, "sdk-map", nil))(ctx); err != nil {
		return err
	}
	_, err = tokens.Get(ctx, group, registry, "sdk-token", nil)
	refused := (*azcore.ResponseError)(nil)
	if !errors.As(err, &refused) {
		return fmt.Errorf("the deleted token: %w", err)
	}
	fmt.Println("deleted", refused.StatusCode, refused.ErrorCode)
	return nil
}

// assignment is the name of the role assignment, a GUID.
const assignment = "77777777-7777-7777-7777-777777777777"

// role gives a principal a role with a condition, and takes it.
func role(ctx context.Context, f *armauthorization.ClientFactory, scope, principal string) error {
	assignments := f.NewRoleAssignmentsClient()
	var definition *armauthorization.RoleDefinition
	pages := f.NewRoleDefinitionsClient().NewListPager(scope, &armauthorization.RoleDefinitionsClientListOptions{
		Filter: to.Ptr("roleName eq 'Container Registry Repository Reader'")})
	for pages.More() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, d := range page.Value {
			definition = d
		}
	}
	if definition == nil {
		return errors.New("no role definition")
	}
	made, err := assignments.Create(ctx, scope, assignment, armauthorization.RoleAssignmentCreateParameters{
		Properties: &armauthorization.RoleAssignmentProperties{
			PrincipalID: &principal, RoleDefinitionID: definition.ID,
			PrincipalType: to.Ptr(armauthorization.PrincipalTypeServicePrincipal), ConditionVersion: to.Ptr("2.0"),
			Condition: to.Ptr("((!(ActionMatches{" +
				"'Microsoft.ContainerRegistry/registries/repositories/content/read'})) " +
				"OR (@Request[Microsoft.ContainerRegistry/registries/repositories:name] " +
				"StringEqualsIgnoreCase 'samples/app'))"),
		}}, nil)
	if err != nil {
		return err
	}
	fmt.Println("role", *made.Properties.ConditionVersion)
	got, err := assignments.Get(ctx, scope, assignment, nil)
	if err != nil {
		return err
	}
	fmt.Println("role of the principal", *got.Properties.PrincipalID == principal)
	if _, err := assignments.Delete(ctx, scope, assignment, nil); err != nil {
		return err
	}
	n := 0
	for pages := assignments.NewListForScopePager(scope, nil); pages.More(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, a := range page.Value {
			if *a.Name == assignment {
				n++
			}
		}
	}
	fmt.Println("roles left", n)
	return nil
}

// done waits for an operation: synchronous, or polled by its URL or by the resource.
func done[T any](p *runtime.Poller[T], err error) func(context.Context) (T, error) {
	return func(ctx context.Context) (T, error) {
		if err != nil {
			return *new(T), err
		}
		return p.PollUntilDone(ctx, polling)
	}
}
