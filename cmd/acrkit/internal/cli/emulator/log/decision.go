package log

import (
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

var decisionFields = []string{"id", "time", "registry", "kind", "principal", "method", "path", "required", "outcome",
	"missing", "rules", "ruleId", "reason", "requestId", "code", "cause", "fix"}

// A decisionJSON is a decision as --json prints it: each key is there, also one that the
// control API leaves out.
type decisionJSON struct {
	control.Decision

	Kind      string   `json:"kind"`
	Principal string   `json:"principal"`
	Missing   string   `json:"missing"`
	Rules     []string `json:"rules"`
	RuleID    rule.ID  `json:"ruleId"`
	Reason    string   `json:"reason"`

	// Of a refusal by a rule, as acrkit explain has them; "" otherwise.
	Code  string `json:"code"`
	Cause string `json:"cause"`
	Fix   string `json:"fix"`
}

func decisionOf(d control.Decision) decisionJSON {
	return decisionJSON{Decision: d, Kind: d.Kind, Principal: d.Principal, Missing: d.Missing, Rules: d.Rules,
		RuleID: d.RuleID, Reason: d.Reason}.explained()
}

// explained says why it was refused. The log has reasons that no answer contains.
func (d decisionJSON) explained() decisionJSON {
	if c, ok := diagnose.Lookup(string(d.RuleID.Cause(d.Kind, d.Required, d.Missing))); ok {
		d.Code, d.Cause, d.Fix = string(c.Code), c.Title, sentence.Draft(d.ofRoles(fixHere(c.Code)), d.facts())
	}
	return d
}

// fixHere returns the fix of a cause at the emulator whose log is read.
func fixHere(c acrkit.Cause) sentence.FixKey {
	key := sentence.AtEmulator(string(c))
	if key == sentence.ExplainLog || key == sentence.ExplainFaults {
		key = sentence.OfCause(string(c)).Fix
	}
	if key.OfAzure() {
		return sentence.Examine
	}
	return key
}

// ofRoles returns the fix for an application, whose rights are roles: a scope map gives it
// nothing.
func (d decisionJSON) ofRoles(key sentence.FixKey) sentence.FixKey {
	if d.Kind != "service-principal" || !key.OfScopeMap() {
		return key
	}
	switch d.RuleID {
	case rule.ABACCondition, rule.ABACRepository:
		return sentence.AssignEmulatorRepositoryRole
	}
	return sentence.AssignEmulatorRole
}

func (d decisionJSON) facts() map[string]string {
	facts := map[string]string{}
	if shell.IsPlain(d.Principal) {
		facts["token"], facts["client"] = d.Principal, d.Principal
	}
	if shell.IsPlain(d.Registry) {
		facts["name"] = d.Registry
	}
	if lacks, err := acrkit.ParseScope(d.Missing); err == nil && !lacks.IsEmpty() {
		facts["registry_role"], facts["repository_role"] = diagnose.RolesOf(lacks)
	}
	return facts
}

// explainedRow returns a row with the rule, and with the cause instead of the log's
// reason.
func (d decisionJSON) explainedRow() []string {
	row := d.row()
	why := row[len(row)-1]
	if d.Code != "" {
		why = d.Code + " " + d.Cause
	}
	id := string(d.RuleID)
	if id == "" {
		id = "-"
		if d.Outcome == emulator.OutcomeDenied {
			id = "unknown" // an earlier version wrote it
		}
	}
	return append(row[:len(row)-1], id, why)
}

func (d decisionJSON) row() []string {
	who := d.Principal
	if who == "" {
		who = "-"
	}
	return []string{d.Time.Format(time.RFC3339), d.Outcome, who, d.Method + " " + d.Path, d.Required, d.Reason}
}

// withShortTime returns row with the time of day alone, in UTC, for a decision of the same
// day as now: a narrow terminal has no room for more.
func withShortTime(row func(decisionJSON) []string, now time.Time) func(decisionJSON) []string {
	return func(d decisionJSON) []string {
		cells := row(d)
		if d.Time.UTC().Format(time.DateOnly) == now.UTC().Format(time.DateOnly) {
			cells[0] = d.Time.UTC().Format("15:04:05Z")
		}
		return cells
	}
}
