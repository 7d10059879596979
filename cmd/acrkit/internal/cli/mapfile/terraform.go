package mapfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/acrkit/acrkit/internal/exactjson"
)

// values and module are the part of terraform show -json that has resources.
//
// Source: HashiCorp, "JSON output format", format_version 1.
type values struct {
	RootModule module `json:"root_module"`
}

type module struct {
	Resources    []resource `json:"resources"`
	ChildModules []module   `json:"child_modules"`
}

type resource struct {
	Address string          `json:"address"`
	Mode    string          `json:"mode"`
	Type    string          `json:"type"`
	Values  json.RawMessage `json:"values"`
}

// The resources that are a scope map, of the providers azurerm and azapi.
const (
	azurermScopeMap = "azurerm_container_registry_scope_map"
	azapiResource   = "azapi_resource"
	azapiUpdate     = "azapi_update_resource"
)

// terraform returns the scope maps of a plan, as they will be, or of a state.
func (o object) terraform() ([]Map, error) {
	from := o.PlannedValues
	if from == nil {
		from = o.Values
	}
	if from == nil {
		return nil, errors.New("it has neither planned values nor a state")
	}
	return from.RootModule.maps()
}

func (m module) maps() (maps []Map, err error) {
	for _, r := range m.Resources {
		found, err := r.maps()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Address, err)
		}
		maps = append(maps, found...)
	}
	for _, child := range m.ChildModules {
		found, err := child.maps()
		if err != nil {
			return nil, err
		}
		maps = append(maps, found...)
	}
	return maps, nil
}

// errLater is of actions that depend on what is not made yet.
var errLater = errors.New("its actions are known only after it was applied")

func (r resource) maps() (_ []Map, err error) {
	var v struct {
		Name        string          `json:"name"`
		Registry    string          `json:"container_registry_name"`
		Description string          `json:"description"`
		Actions     []*string       `json:"actions"` // nil = known later
		Type        string          `json:"type"`
		Body        json.RawMessage `json:"body"`
	}
	if r.Mode == "data" { // a map that is looked up, not one that the configuration makes
		return nil, nil
	}
	switch r.Type {
	case azurermScopeMap:
		if err = exactjson.Unmarshal(r.Values, &v); err != nil {
			return nil, err
		}
	case azapiResource, azapiUpdate:
		var kind struct {
			Type string `json:"type"`
		}
		if err := exactjson.Unmarshal(r.Values, &kind); err != nil {
			return nil, err
		}
		if name, _, _ := strings.Cut(kind.Type, "@"); !strings.EqualFold(name, scopeMapType) {
			return nil, nil
		}
		if err := exactjson.Unmarshal(r.Values, &v); err != nil {
			return nil, err
		}
		if v.Description, v.Actions, err = azapiBody(v.Body); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	m := Map{Name: v.Name, Registry: v.Registry, Description: v.Description, Address: r.Address}
	if v.Actions == nil {
		m.Err = errLater
	} else {
		m.Actions = make([]string, len(v.Actions))
	}
	for i, line := range v.Actions {
		if line == nil {
			m.Err = fmt.Errorf("action %d is known only after it was applied", i+1)
			continue
		}
		m.Actions[i] = *line
	}
	return []Map{m}, nil
}

// azapiBody reads the body of an azapi resource: an object, or in its first version the text
// of one.
func azapiBody(body json.RawMessage) (description string, actions []*string, err error) {
	var text string
	if json.Unmarshal(body, &text) == nil {
		body = json.RawMessage(text)
	}
	var b struct {
		Properties struct {
			Description string    `json:"description"`
			Actions     []*string `json:"actions"`
		} `json:"properties"`
	}
	if len(body) == 0 {
		return "", nil, nil
	}
	err = exactjson.Unmarshal(body, &b)
	return b.Properties.Description, b.Properties.Actions, err
}
