package diagnose

import (
	"context"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/errtext"
)

// armRoles are the built-in roles with the fewest rights that allow an action of Azure
// Resource Manager, by the beginning of the action in lower case; the first that fits
// counts. They are documented ("Azure Container Registry roles and permissions", "Azure
// built-in roles").
var armRoles = []struct{ action, role string }{
	{"microsoft.authorization/roleassignments/", roleAdministrator},
	{"microsoft.containerregistry/registries/pull/", "AcrPull"},
	{"microsoft.containerregistry/registries/push/", "AcrPush"},
	{"microsoft.containerregistry/registries/importimage/", "Container Registry Data Importer and Data Reader"},
	{"microsoft.containerregistry/", contributor},
}

const (
	contributor       = "Container Registry Contributor and Data Access Configuration Administrator"
	roleAdministrator = "Role Based Access Control Administrator"
	// reader shows a registry, its scope maps and its tokens.
	reader = "Container Registry Configuration Reader and Data Access Configuration Reader"
)

// RoleFor returns the built-in role with the fewest rights for an action of Azure Resource Manager.
func RoleFor(action string) string {
	action = strings.ToLower(action)
	for _, r := range armRoles {
		if !strings.HasPrefix(action, r.action) {
			continue
		}
		switch isRead := strings.HasSuffix(action, "/read"); {
		case isRead && r.role == contributor:
			return reader
		case isRead && r.role == roleAdministrator:
			return "Reader"
		}
		return r.role
	}
	if strings.HasSuffix(action, "/read") {
		return "Reader"
	}
	return "Contributor"
}

// scopeOfRole returns where a role is assigned that allows an action on a resource: on its
// registry, or on what a role assignment is for.
func scopeOfRole(resource string) string {
	resource, _, _ = strings.Cut(resource, "/providers/Microsoft.Authorization/")
	parts := strings.Split(resource, "/")
	for i, part := range parts {
		if strings.EqualFold(part, "registries") && i+1 < len(parts) {
			return strings.Join(parts[:i+2], "/")
		}
	}
	return resource
}

// armRefused is the cause of a refusal by Azure Resource Manager, which says what is
// missing.
func armRefused(said string) (Diagnosis, bool) {
	r, ok := errtext.ReadARMRefusal(said)
	if !ok {
		return Diagnosis{}, false
	}
	return verdict(cause.ARMActionDenied, Proved, "it lacks the action "+r.Action, "on "+r.Scope), true
}

// armCodes are the causes of the codes of Azure Resource Manager's errors, but for those
// that need more than the code.
var armCodes = map[string]acrkit.Cause{
	"AuthenticationFailed":               cause.CredentialRejected,
	"InvalidAuthenticationToken":         cause.CredentialRejected,
	"InvalidAuthenticationTokenAudience": cause.CredentialRejected,
	"ExpiredAuthenticationToken":         cause.TokenEnded,

	"AuthorizationFailed":                 cause.ARMActionDenied,
	"LinkedAuthorizationFailed":           cause.ARMActionDenied,
	"UnAuthorizedForCredentialOperations": cause.AdminDisabled,

	"PrincipalNotFound": cause.ARMNotFound, "ResourceGroupNotFound": cause.ARMNotFound,
	"ResourceNotFound": cause.ARMNotFound, "RoleAssignmentNotFound": cause.ARMNotFound,
	"RoleDefinitionDoesNotExist": cause.ARMNotFound, "SubscriptionNotFound": cause.ARMNotFound,

	"AlreadyInUse": cause.ARMExists, "InvalidResourceGroupLocation": cause.ARMExists,
	"InvalidResourceLocation": cause.ARMExists, "RoleAssignmentExists": cause.ARMExists,
	"RoleDefinitionHasAssignments": cause.ARMExists, "RoleDefinitionWithSameNameExists": cause.ARMExists,

	"TokenNotActive": cause.ARMNotReady,
	"QuotaExceeded":  cause.ARMQuota, "RoleDefinitionLimitExceeded": cause.ARMQuota,

	"InvalidActionOrNotAction": cause.ARMRequestInvalid, "InvalidAssignableScope": cause.ARMRequestInvalid,
	"InvalidDataActionOrNotDataAction": cause.ARMRequestInvalid, "InvalidRoleDefinitionId": cause.ARMRequestInvalid,
	"InvalidRoleDefinitionPermissions": cause.ARMRequestInvalid,
	"RoleDefinitionUpdateNotPermitted": cause.ARMRequestInvalid,

	"RoleAssignmentScopeNotAssignableToRoleDefinition": cause.ARMRequestInvalid,

	"InvalidConditionVersion": cause.ARMRequestInvalid, "InvalidFilterInQueryString": cause.ARMRequestInvalid,
	"InvalidParameter": cause.ARMRequestInvalid, "InvalidPrincipalId": cause.ARMRequestInvalid,
	"InvalidRequestContent": cause.ARMRequestInvalid, "InvalidResourceNamespace": cause.ARMRequestInvalid,
	"InvalidResourceType": cause.ARMRequestInvalid, "InvalidRoleAssignmentId": cause.ARMRequestInvalid,
	"InvalidScopeMapId": cause.ARMRequestInvalid, "InvalidSkipToken": cause.ARMRequestInvalid,
	"InvalidSku": cause.ARMRequestInvalid, "InvalidTokenId": cause.ARMRequestInvalid,
	"InvalidTokenStatus": cause.ARMRequestInvalid, "InvalidTopInQueryString": cause.ARMRequestInvalid,
	"LocationRequired": cause.ARMRequestInvalid, "MethodNotAllowed": cause.ARMRequestInvalid,
	"MissingApiVersionParameter": cause.ARMRequestInvalid, "MissingScopeMapId": cause.ARMRequestInvalid,
	"NotSupported": cause.ARMRequestInvalid, "RequestContentTooLarge": cause.ARMRequestInvalid,
	"ResourceNameWithHyphenInvalid":    cause.ARMRequestInvalid,
	"RoleAssignmentUpdateNotPermitted": cause.ARMRequestInvalid,
	"ScopeMapActionInvalid":            cause.ARMRequestInvalid, "SkuNotSupported": cause.ARMRequestInvalid,
	"UnmatchedPrincipalType": cause.ARMRequestInvalid, "UnsupportedQuery": cause.ARMRequestInvalid,

	"InternalServerError": cause.Unavailable,
}

// manager explains an error of Azure Resource Manager by its code.
func (x *examiner) manager(context.Context) (Diagnosis, bool) {
	if d, ok := armRefused(x.said); ok {
		return d, true
	}
	for _, code := range errtext.ReadARMCodes(x.said) {
		if c, ok := armCodes[code]; ok {
			return verdict(c, Proved, "Azure Resource Manager says "+code), true
		}
	}
	return Diagnosis{}, false
}
