package cmdutil

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/diagnose"
)

// DiagnosisJSON is a diagnosis as --json shows it.
type DiagnosisJSON struct {
	Code       string          `json:"code"`  // ACRK032: docs/troubleshooting.md has a section on it
	Name       string          `json:"name"`  // its slug
	Title      string          `json:"title"` // one clause
	Confidence string          `json:"confidence"`
	Evidence   []string        `json:"evidence"`
	Candidates []CandidateJSON `json:"candidates"`
	Missing    []MissingJSON   `json:"missing"` // rights that the credential has not, or is not known to have
	Probes     []ProbeJSON     `json:"probes"`
	Fix        string          `json:"fix"` // one command
}

// MissingJSON is a right as a scope map names it.
type MissingJSON struct {
	Repository string `json:"repository"`
	Action     string `json:"action"` // "content/delete"
}

// CandidateJSON is what a failure may be.
type CandidateJSON struct {
	Code  string `json:"code"`
	Name  string `json:"name"`
	Title string `json:"title"`
}

// ProbeJSON is a further request or look-up that was made for a diagnosis.
type ProbeJSON struct {
	What   string `json:"what"`
	Method string `json:"method"`
	URL    string `json:"url"`
	Status int    `json:"status"`
	Result string `json:"result"`
}

// NewDiagnosisJSON returns a diagnosis for --json.
func NewDiagnosisJSON(d diagnose.Diagnosis) DiagnosisJSON {
	c := candidate(d.Code)
	out := DiagnosisJSON{Code: c.Code, Name: c.Name, Title: c.Title, Confidence: string(d.Confidence),
		Evidence: append([]string{}, d.Evidence...), Candidates: []CandidateJSON{}, Missing: []MissingJSON{},
		Probes: NewProbesJSON(d.Probes), Fix: d.Fix}
	for _, m := range d.Missing {
		out.Missing = append(out.Missing, MissingJSON{Repository: m.Repository, Action: m.Action.String()})
	}
	for _, code := range d.Candidates {
		out.Candidates = append(out.Candidates, candidate(code))
	}
	return out
}

// NewProbesJSON returns probes for --json.
func NewProbesJSON(probes []diagnose.Probe) []ProbeJSON {
	out := []ProbeJSON{}
	for _, p := range probes {
		out = append(out, ProbeJSON{What: p.What, Method: p.Method, URL: p.URL, Status: p.Status, Result: p.Result})
	}
	return out
}

func candidate(code acrkit.Cause) CandidateJSON {
	row, _ := diagnose.Lookup(string(code))
	return CandidateJSON{Code: string(code), Name: row.Name, Title: row.Title}
}

// PrintDiagnosis writes a diagnosis for a person: the cause, how sure that is, the
// evidence, what was asked for it, and the one command that fixes it.
func PrintDiagnosis(s *iostreams.IOStreams, d diagnose.Diagnosis) error {
	var pairs [][2]string
	title := d.Title()
	switch {
	case d.Confidence == diagnose.CannotTell && d.Code == "":
		pairs = append(pairs, [2]string{"cause", "cannot tell"})
	case d.Confidence == diagnose.CannotTell:
		pairs = append(pairs, [2]string{"cause", "cannot tell"}, [2]string{"class", string(d.Code) + " " + title})
	default:
		pairs = append(pairs, [2]string{"cause", string(d.Code) + " " + title},
			[2]string{"confidence", string(d.Confidence)})
	}
	for _, m := range d.Missing {
		pairs = append(pairs, [2]string{"missing", m.String()})
	}
	for _, e := range d.Evidence {
		pairs = append(pairs, [2]string{"evidence", e})
	}
	for _, code := range d.Candidates {
		c := candidate(code)
		pairs = append(pairs, [2]string{"may be", c.Code + " " + c.Title})
	}
	for _, p := range d.Probes {
		text := p.What
		if p.Result != "" {
			text += ": " + p.Result
		}
		pairs = append(pairs, [2]string{"asked", text})
	}
	pairs = append(pairs, [2]string{PairFix, d.Fix})
	return PrintPairs(s, pairs)
}
