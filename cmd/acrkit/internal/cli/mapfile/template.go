package mapfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/internal/exactjson"
)

// The types of resources in ARM.
const (
	scopeMapType   = "Microsoft.ContainerRegistry/registries/scopeMaps"
	deploymentType = "Microsoft.Resources/deployments"
)

// templateResource is a resource of an ARM template.
type templateResource struct {
	Type       string          `json:"type"`
	Name       string          `json:"name"`
	Properties json.RawMessage `json:"properties"`
	Resources  json.RawMessage `json:"resources"`
}

// template returns the scope maps among the resources of an ARM template: an array, or an
// object where they have symbolic names. Bicep writes its modules as deployments with a
// template in them.
func template(resources json.RawMessage) ([]Map, error) {
	if len(resources) == 0 {
		return nil, errors.New("it has no resources")
	}
	var list []templateResource
	if bytes.TrimSpace(resources)[0] == '{' {
		var byName map[string]templateResource
		if err := exactjson.Unmarshal(resources, &byName); err != nil {
			return nil, notAMap(err)
		}
		for _, name := range slices.Sorted(maps.Keys(byName)) {
			list = append(list, byName[name])
		}
	} else if err := exactjson.Unmarshal(resources, &list); err != nil {
		return nil, notAMap(err)
	}
	var found []Map
	for _, r := range list {
		switch {
		case strings.EqualFold(r.Type, scopeMapType) || strings.EqualFold(r.Type, "scopeMaps"):
			m, err := r.scopeMap()
			if err != nil {
				return nil, err
			}
			found = append(found, m)
			continue
		case strings.EqualFold(r.Type, deploymentType):
			var d struct {
				Template struct {
					Resources json.RawMessage `json:"resources"`
				} `json:"template"`
			}
			if err := exactjson.Unmarshal(r.Properties, &d); err != nil {
				return nil, notAMap(err)
			}
			r.Resources = d.Template.Resources
		}
		if len(r.Resources) == 0 {
			continue
		}
		within, err := template(r.Resources)
		if err != nil {
			return nil, err
		}
		found = append(found, within...)
	}
	return found, nil
}

// scopeMap reads a scope map. An expression, text in brackets, has its value only when it is
// deployed.
func (r templateResource) scopeMap() (Map, error) {
	var p struct {
		Description string          `json:"description"`
		Actions     json.RawMessage `json:"actions"`
	}
	if err := exactjson.Unmarshal(r.Properties, &p); err != nil {
		return Map{}, notAMap(err)
	}
	m := Map{Name: lastName(r.Name), Address: r.Name, Description: p.Description}
	if literal := json.Unmarshal(p.Actions, &m.Actions) == nil; !literal {
		m.Err = errors.New("its actions are an expression of the template, with a value only when it is deployed")
		return m, nil
	}
	for i, line := range m.Actions {
		if isExpression(line) {
			m.Err = fmt.Errorf(
				"action %d is an expression of the template, with a value only when it is deployed: %s", i+1, line)
		}
	}
	return m, nil
}

func isExpression(s string) bool { return strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") }

// lastName returns the last part of a resource's name: of [concat(parameters('r'), '/ci')] and
// [format('{0}/{1}', parameters('r'), 'ci')] it is ci. It is empty where a parameter decides.
func lastName(name string) string {
	if isExpression(name) {
		parts := strings.Split(name, "'")
		n := len(parts)
		if n < 3 || strings.Trim(parts[n-1], ")]") != "" || strings.HasSuffix(parts[n-3], "parameters(") ||
			strings.HasSuffix(parts[n-3], "variables(") {
			return ""
		}
		name = parts[n-2]
	}
	return name[strings.LastIndexByte(name, '/')+1:]
}
