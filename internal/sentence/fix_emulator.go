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
	AssignEmulatorRole   FixKey = "assign_emulator_role"
	// In a registry in ABAC mode.
	AssignEmulatorRepositoryRole FixKey = "assign_emulator_repository_role"

	ExplainLog    FixKey = "explain_log"    // of all else that an emulator refuses
	ExplainFaults FixKey = "explain_faults" // of what it answers by a fault, which its log does not call denied

	// Of its folder, its seed, and how it is started.
	StartEmulator              FixKey = "start_emulator"
	StartWithoutChosen         FixKey = "start_without_chosen"
	StartInMemoryWithoutChosen FixKey = "start_in_memory_without_chosen"
	WhenItHasEnded             FixKey = "when_it_has_ended"
	CheckEmulator              FixKey = "check_emulator"
	ChooseSeedMode             FixKey = "choose_seed_mode"
	CheckOtherFolder           FixKey = "check_other_folder"
	RecoverState               FixKey = "recover_state"
	RecoverFolder              FixKey = "recover_folder"
	PushOrDelete               FixKey = "push_or_delete"
	PushOrDeleteSnapshots      FixKey = "push_or_delete_snapshots"
	PushOrDeleteNaming         FixKey = "push_or_delete_naming"
	RenewBeforeEnabling        FixKey = "renew_before_enabling"
	RenewOnLoopback            FixKey = "renew_on_loopback"
	RemoveFaults               FixKey = "remove_faults"
	StartElsewhere             FixKey = "start_elsewhere"
	UpdateFolder               FixKey = "update_folder"
	GoOnWithFolder             FixKey = "go_on_with_folder"
	StopOther                  FixKey = "stop_other"
	InitOrCheckSeed            FixKey = "init_or_check_seed"
	TakeSnapshot               FixKey = "take_snapshot"
	ListSnapshots              FixKey = "list_snapshots"
	DeleteSnapshot             FixKey = "delete_snapshot"
	PutBackFolder              FixKey = "put_back_folder"
	ShowClockOf                FixKey = "show_clock_of"
	StartWithFolder            FixKey = "start_with_folder"
	StartOrNameFolder          FixKey = "start_or_name_folder"
	NameFolder                 FixKey = "name_folder"
	ExportToken                FixKey = "export_token"
	ListTokensOfFolder         FixKey = "list_tokens_of_folder"
	RenewAndPrint              FixKey = "renew_and_print"
	OverwriteSeed              FixKey = "overwrite_seed"
	WriteSeed                  FixKey = "write_seed"
	ShowSeed                   FixKey = "show_seed"
	StartBeyond                FixKey = "start_beyond"
	StartOnFreePort            FixKey = "start_on_free_port"
	ListFolderOrStart          FixKey = "list_folder_or_start"
	StartInOtherFolder         FixKey = "start_in_other_folder"
)

var fixesOfEmulator = map[FixKey]string{
	SetScopeMap: "acrkit emulator scope-map set SCOPE_MAP {lines}" +
		"    # it replaces the scope map: list all its lines",
	RenewEmulatorToken:   "acrkit emulator token password {token}",
	EnableEmulatorToken:  "acrkit emulator token enable {token}",
	ListEmulatorTokens:   "acrkit emulator token list",
	AllowEmulatorNetwork: "acrkit emulator network allow",
	AllowEmulatorARM:     "acrkit emulator settings --arm-tokens on",
	AssignEmulatorRole:   assignRole + "    # in ABAC mode {repository_role}; acrkit emulator env --for az prepares az",
	AssignEmulatorRepositoryRole: assignRepositoryRole +
		"    # or widen the condition that it has; acrkit emulator env --for az prepares az",
	ExplainLog:    "acrkit emulator log --denied --explain",
	ExplainFaults: "acrkit emulator log --outcome faulted --explain",

	StartEmulator: "acrkit emulator start",
	StartWithoutChosen: "acrkit emulator start --listen-beyond-loopback --addr {addr} --data {dir} --seed " +
		"FILE --seed-mode merge" + withoutChosen,
	StartInMemoryWithoutChosen: "acrkit emulator start --listen-beyond-loopback --addr {addr} --memory --seed FILE" +
		withoutChosen,
	WhenItHasEnded: "{command}    # after ending the process that hangs",
	CheckEmulator:  "acrkit emulator check",
	ChooseSeedMode: "--seed-mode merge adds and changes what the seed says; --seed-mode reset removes all " +
		"state first, pushed content included",
	CheckOtherFolder: "acrkit emulator check --data DIR    # the folder that the emulator was started with",
	RecoverState: "pushing again does not repair it: stop the emulator and restore a copy of the data " +
		"folder, or continue with what is left: acrkit emulator start --recover",
	RecoverFolder: "pushing again does not repair it: stop the emulator and restore a copy of the data " +
		"folder, or continue with what is left: acrkit emulator start --recover --data {dir}",
	PushOrDelete:          "push the image again, or delete the manifest",
	PushOrDeleteSnapshots: "push it to any repository, or delete the snapshots that refer to it",
	PushOrDeleteNaming:    "push the image again, or delete the manifests that name it",
	RenewBeforeEnabling:   "acrkit emulator token password NAME    # new passwords for the token, before it is enabled",
	RenewOnLoopback: "acrkit emulator token password NAME    # while it listens on loopback; or disable " +
		"the tokens",
	RemoveFaults:   "acrkit emulator fault remove --all",
	StartElsewhere: "acrkit emulator start --data OTHER_FOLDER    # or use the version that wrote this one",
	UpdateFolder:   "acrkit emulator start --data {dir}    # brings the folder up to date; then check it",
	GoOnWithFolder: "acrkit emulator start --data {dir} --recover    # goes on with what is left; or put the " +
		"file back from a backup; --seed FILE --seed-mode reset begins anew",
	StopOther: "stop that emulator, or name another folder with --data",
	InitOrCheckSeed: "`acrkit emulator seed init` prints a seed that works, `acrkit emulator seed check FILE` " +
		"checks one",
	TakeSnapshot:   "acrkit emulator snapshot create NAME    # of the state as it is, and reset to that one",
	ListSnapshots:  "acrkit emulator snapshot list",
	DeleteSnapshot: "acrkit emulator snapshot delete {snapshot}",
	PutBackFolder:  "restore a copy of the data folder, or start over with --seed-mode reset",
	ShowClockOf: "acrkit emulator clock show --data FOLDER    # the folder of the emulator that answers " +
		"at {host}",
	StartWithFolder: "acrkit emulator start --data {dir}",
	StartOrNameFolder: "acrkit emulator start --data {dir}    # or the folder of another one: acrkit emulator env " +
		"--data DIR",
	NameFolder:         "{command} --data DIR",
	ExportToken:        "acrkit emulator env --data {dir}",
	ListTokensOfFolder: "acrkit emulator token list --data {dir}",
	RenewAndPrint:      "acrkit emulator token password {token} --data {dir}    # makes new ones, and prints them once",
	OverwriteSeed:      "acrkit emulator seed {command} {file}",
	WriteSeed:          "acrkit emulator seed init {file}",
	ShowSeed:           "acrkit emulator seed init -    # shows a good one",
	StartBeyond:        "acrkit emulator start --addr {args} --listen-beyond-loopback    # if that is what you want",
	StartOnFreePort:    "acrkit emulator start --addr {args}    # takes a free port",
	ListFolderOrStart: "ls -ld {dir}    # must be a folder that you may write to; or: acrkit emulator start --data " +
		"OTHER_FOLDER",
	StartInOtherFolder: "acrkit emulator start --data OTHER_FOLDER",
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

const withoutChosen = "    # or ACRKIT_SEED; with valueFrom for these secrets, or without them"

var atEmulator = map[string]FixKey{
	"ACRK005": SetScopeMap, "ACRK070": SetScopeMap, "ACRK071": SetScopeMap, "ACRK073": SetScopeMap,
	"ACRK074": SetScopeMap, "ACRK076": SetScopeMap,
	"ACRK032": RenewEmulatorToken, "ACRK033": RenewEmulatorToken, "ACRK034": EnableEmulatorToken,
	"ACRK036": ListEmulatorTokens, "ACRK067": ListEmulatorTokens,
	"ACRK104": ExplainFaults,
	"ACRK025": AllowEmulatorNetwork, "ACRK055": AllowEmulatorARM,
	"ACRK065": AssignEmulatorRole, "ACRK066": AssignEmulatorRepositoryRole,
}

// RoleAtEmulator returns the fix at an emulator that is the assignment of a role at Azure,
// "" for any other fix.
func RoleAtEmulator(azure FixKey) FixKey {
	switch azure {
	case AssignRole:
		return AssignEmulatorRole
	case AssignRepositoryRole:
		return AssignEmulatorRepositoryRole
	}
	return ""
}
