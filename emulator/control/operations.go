package control

import (
	"fmt"
	"net/url"
	"strings"
)

// Operation is an operation of the control API: its method, and its path below [Prefix]
// with parameters in braces.
type Operation string

// The operations; [OpenAPI] describes them.
const (
	GetOpenAPI       Operation = "GET openapi.yaml"
	GetDecisions     Operation = "GET decisions"
	GetClock         Operation = "GET clock"
	PutClock         Operation = "PUT clock"
	DeleteClock      Operation = "DELETE clock"
	PostClockAdvance Operation = "POST clock/advance"
	GetLifetimes     Operation = "GET lifetimes"
	PutLifetimes     Operation = "PUT lifetimes"
	GetRateLimits    Operation = "GET rate-limits"
	PutRateLimits    Operation = "PUT rate-limits"
	GetFaults        Operation = "GET faults"
	PostFault        Operation = "POST faults"
	DeleteFaults     Operation = "DELETE faults"
	DeleteFault      Operation = "DELETE faults/{id}"
	GetSnapshots     Operation = "GET snapshots"
	PostSnapshot     Operation = "POST snapshots"
	DeleteSnapshot   Operation = "DELETE snapshots/{name}"
	PostReset        Operation = "POST reset"
	PostCheck        Operation = "POST check"
	GetSeed          Operation = "GET seed"
	GetRegistries    Operation = "GET registries"
	GetRegistry      Operation = "GET registries/{registry}"
	PatchRegistry    Operation = "PATCH registries/{registry}"
	GetScopeMaps     Operation = "GET registries/{registry}/scope-maps"
	PutScopeMap      Operation = "PUT registries/{registry}/scope-maps/{name}"
	DeleteScopeMap   Operation = "DELETE registries/{registry}/scope-maps/{name}"
	GetTokens        Operation = "GET registries/{registry}/tokens"        //nolint:gosec // a path
	GetToken         Operation = "GET registries/{registry}/tokens/{name}" //nolint:gosec // a path
	PutToken         Operation = "PUT registries/{registry}/tokens/{name}" //nolint:gosec // a path
	PatchToken       Operation = "PATCH registries/{registry}/tokens/{name}"
	DeleteToken      Operation = "DELETE registries/{registry}/tokens/{name}"         //nolint:gosec // a path
	PostPasswords    Operation = "POST registries/{registry}/tokens/{name}/passwords" //nolint:gosec // a path
	PatchPassword    Operation = "PATCH registries/{registry}/tokens/{name}/passwords/{slot}"
)

// Method returns the operation's HTTP method.
func (o Operation) Method() string {
	method, _, _ := strings.Cut(string(o), " ")
	return method
}

// Path returns the operation's path below [Prefix], with parameters in braces.
func (o Operation) Path() string {
	_, path, _ := strings.Cut(string(o), " ")
	return path
}

// path returns the path with the values of its parameters, in their order.
func (o Operation) path(values ...string) string {
	parts := strings.Split(o.Path(), "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i], values = url.PathEscape(values[0]), values[1:]
		}
	}
	if len(values) > 0 {
		panic(fmt.Sprintf("control: %s has fewer parameters", o))
	}
	return strings.Join(parts, "/")
}
