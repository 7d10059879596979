//nolint:gosec // commands, no secrets
package sentence

import (
	"cmp"
	"strings"
)

// The fixes at an emulator.
const (
	SetScopeMap          FixKey = "set_scope_map"
	RenewEmulatorToken   FixKey = "renew_emulator_token"
	EnableEmulatorToken  FixKey = "enable_emulator_token"
	ListEmulatorTokens   FixKey = "list_emulator_tokens"
	AllowEmulatorNetwork FixKey = "allow_emulator_network"
	AllowEmulatorARM     FixKey = "allow_emulator_arm"
	LeaveABACMode        FixKey = "leave_abac_mode"
	ExplainLog           FixKey = "explain_log" // of all else that an emulator refuses
)

var fixesOfEmulator = map[FixKey]string{
	SetScopeMap: "acrkit emulator scope-map set SCOPE_MAP {lines}" +
		"    # it replaces the scope map: name all that it is to hold",
	RenewEmulatorToken:   "acrkit emulator token password {token}",
	EnableEmulatorToken:  "acrkit emulator token enable {token}",
	ListEmulatorTokens:   "acrkit emulator token list",
	AllowEmulatorNetwork: "acrkit emulator network allow",
	AllowEmulatorARM:     "acrkit emulator settings --arm-tokens on",
	LeaveABACMode:        "acrkit emulator settings --role-assignment-mode LegacyRegistryPermissions",
	ExplainLog:           "acrkit emulator log --denied --explain",
}

// AtEmulator returns the fix of a cause, by its code, where the registry is an emulator.
func AtEmulator(code string) FixKey { return cmp.Or(atEmulator[code], ExplainLog) }

// IfEmulator is a draft for a registry of which it is not known whether it is an emulator.
func IfEmulator(key FixKey, facts map[string]string) string {
	command, note, noted := strings.Cut(Draft(key, facts), "    # ")
	command += "    # if " + facts["host"] + " is acrkit's emulator"
	if noted {
		command += "; " + note
	}
	return command
}

var atEmulator = map[string]FixKey{
	"ACRK005": SetScopeMap, "ACRK070": SetScopeMap, "ACRK071": SetScopeMap, "ACRK073": SetScopeMap,
	"ACRK074": SetScopeMap, "ACRK076": SetScopeMap,
	"ACRK032": RenewEmulatorToken, "ACRK033": RenewEmulatorToken, "ACRK034": EnableEmulatorToken,
	"ACRK036": ListEmulatorTokens, "ACRK067": ListEmulatorTokens,
	"ACRK025": AllowEmulatorNetwork, "ACRK055": AllowEmulatorARM, "ACRK066": LeaveABACMode,
}
