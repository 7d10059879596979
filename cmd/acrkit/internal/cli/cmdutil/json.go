package cmdutil

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"text/template"

	"github.com/itchyny/gojq"
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/visible"
)

// Exporter writes data as JSON, or what a jq expression or a template makes of
// it. A nil Exporter means that a person reads the output.
type Exporter struct {
	fields   []string
	query    *gojq.Code
	template *template.Template
}

// AddJSONFlags gives cmd the flags --json, --jq and --template. *exporter is set
// when the command runs with --json. The fields are a contract: they may grow,
// and never change their meaning.
func AddJSONFlags(cmd *cobra.Command, exporter **Exporter, fields []string) {
	flags := cmd.Flags()
	flags.StringSlice("json", nil, "output JSON with these `fields`")
	flags.StringP("jq", "q", "", "filter the JSON with a jq `expression`")
	flags.StringP("template", "t", "", "format the JSON with a Go `template`")
	annotate(cmd, jsonAnnotation, strings.Join(fields, ","))
	CompleteListFlag(cmd, "json", fields)
	previous := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if previous != nil {
			if err := previous(cmd, args); err != nil {
				return err
			}
		}
		e, err := exporterOf(cmd, fields)
		if err != nil {
			return err
		}
		*exporter = e
		return nil
	}
}

func exporterOf(cmd *cobra.Command, fields []string) (*Exporter, error) {
	flags := cmd.Flags()
	jq, _ := flags.GetString("jq")
	tmpl, _ := flags.GetString("template")
	if !flags.Changed("json") {
		if jq != "" {
			return nil, Usage("--jq needs --json")
		}
		if tmpl != "" {
			return nil, Usage("--template needs --json")
		}
		return nil, nil
	}
	wanted, _ := flags.GetStringSlice("json")
	if len(wanted) == 0 {
		return nil, needFields(fields)
	}
	for _, f := range wanted {
		if !slices.Contains(fields, f) {
			return nil, Usage("unknown JSON field %q; there are %s", f, strings.Join(fields, ", "))
		}
	}
	if jq != "" && tmpl != "" {
		return nil, Usage("--jq and --template exclude each other")
	}
	e := &Exporter{fields: wanted}
	if jq != "" {
		query, err := gojq.Parse(jq)
		if err != nil {
			return nil, Usage("--jq: %v", err)
		}
		// Without an environment loader an expression cannot read credentials.
		if e.query, err = gojq.Compile(query); err != nil {
			return nil, Usage("--jq: %v", err)
		}
	}
	if tmpl != "" {
		t, err := template.New("").Funcs(templateFuncs).Option("missingkey=error").Parse(tmpl)
		if err != nil {
			return nil, Usage("--template: %v", err)
		}
		e.template = t
	}
	return e, nil
}

func needFields(fields []string) error {
	return Usage("--json needs a list of fields, separated by commas; there are %s", strings.Join(fields, ", "))
}

var templateFuncs = template.FuncMap{
	"join": func(sep string, list []any) string {
		texts := make([]string, 0, len(list))
		for _, v := range list {
			texts = append(texts, fmt.Sprint(v))
		}
		return strings.Join(texts, sep)
	},
	"json": func(v any) (string, error) {
		b, err := json.Marshal(v)
		return string(b), err
	},
}

// Wants reports whether a field is written, so that a command need not ask for the others.
// A nil Exporter wants all.
func (e *Exporter) Wants(field string) bool { return e == nil || slices.Contains(e.fields, field) }

// Write writes data, a struct or a slice of structs whose JSON names are the
// command's fields.
func (e *Exporter) Write(ctx context.Context, s *iostreams.IOStreams, data any) error {
	v, err := e.selectFields(data)
	if err != nil {
		return err
	}
	switch {
	case e.query != nil:
		return e.runQuery(ctx, s, v)
	case e.template != nil:
		// A failure of the template is wrong usage, one of the output is not.
		var b bytes.Buffer
		if err := e.template.Execute(&b, v); err != nil {
			return Usage("--template: %v", err)
		}
		_, err := s.Out.Write(b.Bytes())
		return err
	}
	return writeJSON(s, v)
}

// WriteEach writes a list that need not fit into memory: a JSON array with one object a
// line, so that diff compares two of them. An expression or a template needs the list as a
// whole, and gets it.
func (e *Exporter) WriteEach(ctx context.Context, s *iostreams.IOStreams, items iter.Seq2[any, error]) error {
	whole := e.query != nil || e.template != nil
	all, before := []any{}, "[\n"
	for item, err := range items {
		if err != nil {
			return err
		}
		if whole {
			all = append(all, item)
			continue
		}
		v, err := e.selectFields(item)
		if err != nil {
			return err
		}
		line, err := jsonLine(v)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(s.Out, "%s%s", before, line); err != nil {
			return err
		}
		before = ",\n"
	}
	if whole {
		return e.Write(ctx, s, all)
	}
	if before == "[\n" {
		_, err := fmt.Fprintln(s.Out, "[]")
		return err
	}
	_, err := fmt.Fprint(s.Out, "\n]\n")
	return err
}

// jsonLine returns a value as JSON without a line feed.
func jsonLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	//rule:terminal-write-json-line
	return visible.JSON(bytes.TrimSpace(b.Bytes())), err
}

func writeJSON(s *iostreams.IOStreams, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if s.IsStdoutTTY() {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return err
	}
	//rule:terminal-write-json
	_, err := s.Out.Write(visible.JSON(b.Bytes()))
	return err
}

// selectFields turns data into plain JSON values with only the wanted fields.
func (e *Exporter) selectFields(data any) (any, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case nil:
		return []any{}, nil
	case []any:
		for i := range v {
			v[i] = e.pick(v[i])
		}
		return v, nil
	}
	return e.pick(v), nil
}

func (e *Exporter) pick(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := make(map[string]any, len(e.fields))
	for _, f := range e.fields {
		out[f] = object[f]
	}
	return out
}

func (e *Exporter) runQuery(ctx context.Context, s *iostreams.IOStreams, v any) error {
	results := e.query.RunWithContext(ctx, v)
	for {
		v, ok := results.Next()
		if !ok {
			return nil
		}
		if err, isErr := v.(error); isErr {
			if halt, isHalt := errors.AsType[*gojq.HaltError](err); isHalt && halt.Value() == nil {
				return nil
			}
			return &acrkit.Error{Code: acrkit.CodeUsage, Reason: "--jq: " + err.Error(), Errs: []error{err}}
		}
		if text, isText := v.(string); isText {
			// As jq -r: text for the next program, not for a JSON reader.
			if _, err := fmt.Fprintln(s.Out, text); err != nil {
				return err
			}
			continue
		}
		if err := writeJSON(s, v); err != nil {
			return err
		}
	}
}
