package diagnose_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
)

var update = flag.Bool("update", false, "write docs/diagnosis.md")

// outcome is what became of one scenario.
type outcome struct {
	cause, wire, arm diagnose.Cause
	wireSure         diagnose.Confidence
	armSure          diagnose.Confidence
	candidates       []acrkit.Cause // without Azure Resource Manager
	asked            bool           // Azure Resource Manager could tell more
	probes           int
}

func scenarios() []scenario {
	return slices.Concat(codeScenarios(), networkScenarios(), clientScenarios(), passwordScenarios(), entraScenarios(),
		requestScenarios(), causesOfClientsScenarios())
}

// TestDiagnoses brings about every cause of the table, demands the right code of
// Explain (or Doctor), and keeps the confusion matrix in docs/diagnosis.md.
func TestDiagnoses(t *testing.T) {
	var all []outcome
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			want, ok := diagnose.Lookup(s.name)
			if !ok {
				t.Fatal("the table has no such cause")
			}
			f := s.make(t)
			wire := examine(t, f, nil)
			got := outcome{cause: want, wire: row(t, wire.Code), wireSure: wire.Confidence, candidates: wire.Candidates,
				probes: len(wire.Probes)}
			got.arm, got.armSure = got.wire, got.wireSure
			check(t, "without Azure Resource Manager", wire, want, cmp.Or(s.class, s.name), s.open)
			if s.class != "" && !slices.Contains(wire.Candidates, want.Code) && wire.Confidence != diagnose.Proved {
				t.Errorf("%s is not among the candidates %v", want.Code, wire.Candidates)
			}
			if f.arm != nil {
				arm := examine(t, f, f.arm)
				got.asked, got.arm, got.armSure = true, row(t, arm.Code), arm.Confidence
				check(t, "with Azure Resource Manager", arm, want, s.name, s.open)
			}
			if got.arm.Code != want.Code && got.armSure == diagnose.Proved {
				t.Errorf("%s is proved to be %s, and Azure Resource Manager is not asked", want.Code, got.arm.Code)
			}
			all = append(all, got)
		})
	}
	if t.Failed() {
		return
	}
	slices.SortStableFunc(all, func(a, b outcome) int {
		return strings.Compare(string(a.cause.Code), string(b.cause.Code))
	})
	for _, c := range diagnose.Causes() {
		if !slices.ContainsFunc(all, func(o outcome) bool { return o.cause.Code == c.Code }) {
			t.Errorf("nothing brings about %s %s", c.Code, c.Name)
		}
	}
	writePage(t, 0, matrix(all))
}

// pageParts parts docs/diagnosis.md: what TestDiagnoses writes, and TestWild.
const pageParts = "<!-- What is below is written by go test ./diagnose -run TestWild -update. -->\n"

// writePage compares one part of docs/diagnosis.md, and writes it with -update.
func writePage(t *testing.T, part int, text string) {
	t.Helper()
	page := filepath.Join("..", "docs", "diagnosis.md")
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(data), pageParts)
	have := []string{first, second}
	if *update {
		have[part] = text
		if err := os.WriteFile(page, []byte(have[0]+pageParts+have[1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := gocmp.Diff(have[part], text); diff != "" {
		t.Errorf("docs/diagnosis.md is not what was measured; -update writes it (-page +measured):\n%s", diff)
	}
}

func row(t *testing.T, code acrkit.Cause) diagnose.Cause {
	t.Helper()
	c, ok := diagnose.Lookup(string(code))
	if !ok {
		t.Fatalf("the diagnosis names %q, which is not in the table", code)
	}
	return c
}

// examine explains a failure, or lets the doctor find it.
func examine(t *testing.T, f failure, arm diagnose.ARM) diagnose.Diagnosis {
	t.Helper()
	opts := f.opts
	opts.ARM = arm
	var d diagnose.Diagnosis
	if f.check != nil {
		for step := range diagnose.Doctor(t.Context(), *f.check, &opts) {
			if step.Diagnosis != nil {
				d = *step.Diagnosis
				break
			}
		}
	} else {
		var err error
		if d, err = diagnose.Explain(t.Context(), f.attempt, &opts); err != nil {
			t.Fatal(err)
		}
	}
	if shown := seen(t, d) + fmt.Sprintf("%+v", d); strings.Contains(shown, "leak-canary") ||
		strings.Contains(shown, "eyJ") {
		t.Errorf("a secret is in the diagnosis: %s", shown)
	}
	return d
}

func check(t *testing.T, when string, d diagnose.Diagnosis, cause diagnose.Cause, want string, open bool) {
	t.Helper()
	got, _ := diagnose.Lookup(string(d.Code))
	switch {
	case got.Name != want:
		t.Errorf("%s: %s %s (%s), want %s\n%q\n%v", when, d.Code, got.Name, d.Confidence, want, d.Evidence, d.Probes)
	case got.Basis == diagnose.Believed && d.Confidence == diagnose.Proved:
		t.Errorf("%s: %s is proved, though its signs are only believed", when, d.Code)
	case open != (d.Confidence == diagnose.CannotTell) && want == cause.Name:
		t.Errorf("%s: %s is %q, and open is %v", when, d.Code, d.Confidence, open)
	case d.Fix == "" || len(d.Evidence) == 0:
		t.Errorf("%s: no command (%q) or no evidence %q", when, d.Fix, d.Evidence)
	}
}

// matrix writes the page.
func matrix(all []outcome) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	settled, open, wider, believed, asked, wireRight := 0, 0, 0, 0, 0, 0
	for _, o := range all {
		switch {
		case o.cause.Basis == diagnose.Believed:
			believed++
		case o.armSure == diagnose.CannotTell:
			open++
		case o.arm.Code != o.cause.Code:
			wider++
		default:
			settled++
		}
		if o.asked {
			asked++
		}
		if o.wire.Class == o.cause.Class {
			wireRight++
		}
	}
	line("# How well causes are told apart")
	line("")
	line(
		"Generated by `go test ./diagnose -run TestDiagnoses -update`; do not edit. Each cause of the table is " +
			"brought about for real, by the")
	line(
		"emulator or by a stand-in for a name server, a port or a certificate on this machine, and the diagnosis is " +
			"compared with it.")
	line("")
	line("* %d failures, of %d causes. Of the wire class, without Azure Resource Manager (ARM), %d of %d are right.",
		len(all), len(diagnose.Causes()), wireRight, len(all))
	line(
		"* With ARM's evidence where it has any (%d of them): %d are named as what they are, %d are left open and "+
			"said to be, %d are suspected to be a wider cause, none is proved to be another.",
		asked, settled, open, wider)
	line("* %d causes have signs that are only believed. They are counted apart, and never more than *suspected*.",
		believed)
	line("")
	line("| code | cause | basis | without ARM | | with ARM | |")
	line("|---|---|---|---|---|---|---|")
	for _, o := range all {
		arm, sure := "", ""
		if o.asked {
			arm, sure = o.arm.Name, string(o.armSure)
		}
		line("| %s | %s | %s | %s | %s | %s | %s |", o.cause.Code, o.cause.Name, o.cause.Basis,
			o.wire.Name, o.wireSure, arm, sure)
	}
	for _, part := range []struct {
		title string
		of    func(outcome) diagnose.Cause
	}{{"Without ARM", func(o outcome) diagnose.Cause {
		return o.wire
	}}, {"With ARM", func(o outcome) diagnose.Cause { return o.arm }}} {
		line("")
		line("## %s: by class", part.title)
		line("")
		line(
			"A row is what it was, a column what it was called. A number beside the diagonal would be a cause named " +
				"on another's evidence.")
		line("")
		var classes []acrkit.Code
		for _, o := range all {
			if !slices.Contains(classes, o.cause.Class) {
				classes = append(classes, o.cause.Class)
			}
		}
		head := "| |"
		rule := "|---|"
		for _, c := range classes {
			head += " " + string(c) + " |"
			rule += "---|"
		}
		line("%s", head)
		line("%s", rule)
		for _, is := range classes {
			cells := "| " + string(is) + " |"
			for _, called := range classes {
				n := 0
				for _, o := range all {
					if o.cause.Class == is && part.of(o).Class == called {
						n++
					}
				}
				text := ""
				if n > 0 {
					text = fmt.Sprint(n)
				}
				cells += " " + text + " |"
			}
			line("%s", cells)
		}
		var others []string
		for _, o := range all {
			if got := part.of(o); got.Code != o.cause.Code {
				others = append(others, fmt.Sprintf("* %s (%s) is called %s (%s)", o.cause.Name,
					o.cause.Code, got.Name, got.Code))
			}
		}
		line("")
		if len(others) == 0 {
			line("Every cause is called by its own name.")
			continue
		}
		line("Called by the name of their wire class, whose candidates hold them:")
		line("")
		for _, o := range others {
			line("%s", o)
		}
	}
	line("")
	return b.String()
}
