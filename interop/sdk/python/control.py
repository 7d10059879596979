# The life of a scope map, a token, its passwords and a role with Microsoft's packages for
# Azure Resource Manager: control.py GROUP REGISTRY PRINCIPAL
import os, sys
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

group, registry, principal = sys.argv[1:]
endpoint = os.environ["AZURE_RESOURCE_MANAGER_ENDPOINT"]
credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"],
    authority=os.environ["AZURE_AUTHORITY_HOST"], disable_instance_discovery=True)
cloud = dict(base_url=endpoint, credential_scopes=[endpoint + "/.default"], polling_interval=1)
acr = ContainerRegistryManagementClient(credential, os.environ["AZURE_SUBSCRIPTION_ID"], **cloud)
roles = AuthorizationManagementClient(credential, os.environ["AZURE_SUBSCRIPTION_ID"], **cloud).role_assignments


def value(word):
    """Return the text of an enumeration's member, of which some versions give the text."""
    return getattr(word, "value", word)


def live():
    scope = acr.registries.get(group, registry).id
    scope_map = acr.scope_maps.begin_create(group, registry, "sdk-map", {"properties": {
        "actions": ["repositories/samples/app/content/read"], "description": "by the SDK"}}).result()
    print("scope map", value(scope_map.provisioning_state), scope_map.actions[0])
    changed = acr.scope_maps.begin_update(group, registry, "sdk-map", {"properties": {"actions": [
        "repositories/samples/app/content/read", "repositories/samples/app/metadata/read"]}}).result()
    print("scope map with", len(changed.actions), "actions,", changed.description)
    token = acr.tokens.begin_create(group, registry, "sdk-token", {"properties": {
        "scopeMapId": scope_map.id, "status": "enabled"}}).result()
    print("token", value(token.status), len(token.credentials.passwords), "passwords")
    both = acr.registries.begin_generate_credentials(group, registry, {"tokenId": token.id}).result()
    print("passwords of", both.username)
    for password in both.passwords:
        print(" ", value(password.name), str(bool(password.value)).lower())
    kept = acr.tokens.begin_update(group, registry, "sdk-token", {"properties": {
        "status": "disabled", "credentials": {"passwords": [{"name": "password2"}]}}}).result()
    print("token", value(kept.status), len(kept.credentials.passwords), "password left")
    print("tokens listed", len(list(acr.tokens.list(group, registry))))
    acr.tokens.begin_delete(group, registry, "sdk-token").result()
    acr.scope_maps.begin_delete(group, registry, "sdk-map").result()
    try:
        acr.tokens.get(group, registry, "sdk-token")
    except HttpResponseError as gone:
        print("deleted", gone.status_code, gone.error.code)

    name = "77777777-7777-7777-7777-777777777777"
    role = "b93aa761-3e63-49ed-ac28-beffa264f7ac"  # Container Registry Repository Reader
    made = roles.create(scope, name, {"properties": {
        "principalId": principal, "principalType": "ServicePrincipal", "conditionVersion": "2.0",
        "roleDefinitionId": f"/subscriptions/{os.environ['AZURE_SUBSCRIPTION_ID']}"
                            f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
        "condition": "((!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})) OR "
                     "(@Request[Microsoft.ContainerRegistry/registries/repositories:name] "
                     "StringEqualsIgnoreCase 'samples/app'))"}})
    print("role", made.condition_version)
    print("role of the principal", str(roles.get(scope, name).principal_id == principal).lower())
    roles.delete(scope, name)
    print("roles left", len([a for a in roles.list_for_scope(scope) if a.name == name]))


try:
    live()
except HttpResponseError as refused:
    print("refused", refused.status_code, refused.error.code)
    sys.exit(1)
