package mapfile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/acrkit/acrkit/internal/exactjson"
)

// object is a JSON object that may be or hold scope maps: what az and ARM answer, what
// terraform show -json prints, and an ARM template.
type object struct {
	ID           string      `json:"id"`
	Name         string      `json:"name"`
	Description  string      `json:"description"`
	Actions      []string    `json:"actions"`
	ScopeMapType string      `json:"scopeMapType"`       // az of 2019 to 2021
	AzType       string      `json:"typePropertiesType"` // az since then
	Type         string      `json:"type"`               // acrkit: "system" or "user"; of ARM and az, the resource's
	Properties   *properties `json:"properties"`         // ARM
	Value        []object    `json:"value"`              // a list of ARM
	Error        *struct {
		Code string `json:"code"`
	} `json:"error"`

	Schema        string          `json:"$schema"`
	Resources     json.RawMessage `json:"resources"`
	FormatVersion string          `json:"format_version"`
	PlannedValues *values         `json:"planned_values"`
	Values        *values         `json:"values"`
}

type properties struct {
	Description string   `json:"description"`
	Actions     []string `json:"actions"`
	Type        string   `json:"type"`
}

// systemDefined is the type of the service's own maps.
const systemDefined = "SystemDefined"

func parseJSON(data []byte) (Form, []Map, error) {
	if data[0] == '[' {
		var lines []string
		if json.Unmarshal(data, &lines) == nil {
			return FormArray, []Map{{Actions: lines}}, nil
		}
		var list []object
		if err := exactjson.Unmarshal(data, &list); err != nil {
			return "", nil, notAMap(err)
		}
		maps, err := mapsOf(list)
		return FormObject, maps, err
	}
	var o object
	//rule:exact-keys-parse-json
	if err := exactjson.Unmarshal(data, &o); err != nil { // the proxy narrows by what is read here
		return "", nil, notAMap(err)
	}
	switch {
	case o.Error != nil:
		return "", nil, fmt.Errorf("it is the answer to a request that failed: %s", o.Error.Code)
	case o.FormatVersion != "":
		maps, err := o.terraform()
		return FormTerraform, maps, err
	case o.Schema != "" || o.Resources != nil:
		maps, err := template(o.Resources)
		return FormTemplate, maps, err
	case o.Value != nil:
		maps, err := mapsOf(o.Value)
		return FormObject, maps, err
	}
	maps, err := mapsOf([]object{o})
	return FormObject, maps, err
}

func notAMap(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is not JSON: %w", syntax)
	}
	return fmt.Errorf("it is not the JSON of a scope map: %w", err)
}

func mapsOf(list []object) ([]Map, error) {
	maps := make([]Map, 0, len(list))
	for _, o := range list {
		p := properties{Description: o.Description, Actions: o.Actions, Type: cmp.Or(o.AzType, o.ScopeMapType)}
		if p.Actions == nil && o.Properties != nil {
			p = *o.Properties
		}
		if p.Actions == nil {
			return nil, errors.New(`it is JSON without "actions"`)
		}
		maps = append(maps, Map{Name: o.Name, Registry: registryIn(o.ID), Description: p.Description,
			Actions: p.Actions, System: o.isSystem(p.Type)})
	}
	return maps, nil
}

// registryIn returns the name of the registry in the id of its scope map; "" if there is none.
func registryIn(id string) string {
	_, rest, _ := strings.Cut(strings.ToLower(id), "/registries/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// isSystem reports whether a map is one of the service's own. Recent versions of az leave the
// type out; there, a map that exists, because it has an id, has a name that only those have.
func (o object) isSystem(typ string) bool {
	return strings.EqualFold(typ, systemDefined) || o.Type == "system" || o.ID != "" && strings.HasPrefix(o.Name, "_")
}
