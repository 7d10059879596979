package manage

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// ScopeMap is a scope map of a registry.
type ScopeMap struct {
	Name        string
	Description string
	System      bool     // one of the service's own, which cannot be changed
	Actions     []string // its lines, in their order; [scopemap.Parse] reads them
	Created     time.Time
}

// ScopeMaps lists the scope maps, the service's own included.
func (r *Registry) ScopeMaps(ctx context.Context) iter.Seq2[ScopeMap, error] {
	pager := r.scopeMaps.NewListPager(r.id.ResourceGroupName, r.id.Name, nil)
	return pages(ctx, r, "list the scope maps", pager,
		func(p armcontainerregistry.ScopeMapsClientListResponse) []*armcontainerregistry.ScopeMap {
			return p.Value
		},
		scopeMapOf)
}

// ScopeMap reads one scope map; [acrkit.CodeNotFound] if there is none.
func (r *Registry) ScopeMap(ctx context.Context, name string) (ScopeMap, error) {
	m, err := r.scopeMaps.Get(ctx, r.id.ResourceGroupName, r.id.Name, name, nil)
	if err != nil {
		return ScopeMap{}, r.failed(ctx, "read the scope map "+quote(name), err)
	}
	return scopeMapOf(&m.ScopeMap), nil
}

func scopeMapOf(m *armcontainerregistry.ScopeMap) ScopeMap {
	out := ScopeMap{Name: deref(m.Name)}
	if p := m.Properties; p != nil {
		out.Description, out.Created = deref(p.Description), deref(p.CreationDate)
		out.System = strings.EqualFold(deref(p.Type), "SystemDefined")
		for _, a := range p.Actions {
			out.Actions = append(out.Actions, deref(a))
		}
	}
	return out
}

// CreateScopeMap makes a scope map; [acrkit.CodeConflict] if there is one of this name,
// which stays as it is. At ARM a PUT of a scope map that exists replaces it: one that
// is made between the look and the PUT is replaced.
func (r *Registry) CreateScopeMap(ctx context.Context, m ScopeMap) error {
	op := "create the scope map " + quote(m.Name)
	return r.change(ctx, Change{Action: ActionCreate, Kind: KindScopeMap, Name: m.Name, After: m.rights()},
		func(ctx context.Context) error {
			if _, err := r.ScopeMap(ctx, m.Name); err == nil {
				return r.conflict(op, "there is a scope map of this name already")
			} else if !isNotFound(err) {
				return err
			}
			poller, err := r.scopeMaps.BeginCreate(ctx, r.id.ResourceGroupName, r.id.Name, m.Name,
				armcontainerregistry.ScopeMap{Properties: &armcontainerregistry.ScopeMapProperties{
					Actions: pointers(m.Actions), Description: text(m.Description)}}, nil)
			if _, err := finish(ctx, r, op, poller, err); err != nil {
				return err
			}
			return r.settled(ctx, op, m.Name, m.Actions, r.client.opts.Settle)
		})
}

// UpdateScopeMap gives a scope map other lines. from is the scope map as it was read. If its
// lines are others now, nothing is written; if they are others within [Options.Settle] after
// the change, another one has replaced it. Both are errors with [acrkit.CodeConflict] that
// name the lines that were added and removed.
func (r *Registry) UpdateScopeMap(ctx context.Context, from ScopeMap, actions []string) error {
	op := "change the scope map " + quote(from.Name)
	to := from
	to.Actions = actions
	return r.change(ctx, Change{Action: ActionUpdate, Kind: KindScopeMap, Name: from.Name, Before: from.rights(),
		After: to.rights()}, func(ctx context.Context) error {
		read := r.client.opts.Now()
		now, err := r.ScopeMap(ctx, from.Name)
		if err != nil {
			return err
		}
		//rule:manage-read-before-write
		if !sameLines(now.Actions, from.Actions) {
			return r.conflict(op, "it was changed since it was read ("+lineChanges(from.Actions, now.Actions)+
				"); nothing was written")
		}
		poller, err := r.scopeMaps.BeginUpdate(ctx, r.id.ResourceGroupName, r.id.Name, from.Name,
			armcontainerregistry.ScopeMapUpdateParameters{
				Properties: &armcontainerregistry.ScopeMapPropertiesUpdateParameters{Actions: pointers(actions)}}, nil)
		took := r.client.opts.Now().Sub(read)
		if _, err := finish(ctx, r, op, poller, err); err != nil {
			return err
		}
		// Where this change took long, another one may take as long.
		settle := r.client.opts.Settle
		if settle > 0 {
			settle = max(settle, took)
		}
		// Of several changes at once, most see at the first look that they were replaced.
		err = r.settled(ctx, op, from.Name, actions, 0)
		if err == nil && settle > 0 {
			err = r.settled(ctx, op, from.Name, actions, settle)
		}
		if err != nil {
			return err
		}
		// Another change within this time was read again before this one replaced it.
		//rule:manage-slow-write
		if settle > 0 && took > r.client.opts.Settle {
			return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: op, Registry: r.registry,
				Reason: fmt.Sprintf("it was changed, but %s after it was read; another change in this time is "+
					"lost, and its author does not know", took.Round(time.Millisecond))}
		}
		return nil
	})
}

// DeleteScopeMap deletes a scope map; [acrkit.CodeNotFound] if there is none. from is the
// scope map as it was read: if it is another one now, or has other lines, the error has
// [acrkit.CodeConflict], and nothing is deleted.
//
// Azure Resource Manager also deletes one that tokens use, and leaves these without rights, as
// az warns before its own deletion. The caller looks for them first ([Registry.Tokens]).
func (r *Registry) DeleteScopeMap(ctx context.Context, from ScopeMap) error {
	op := "delete the scope map " + quote(from.Name)
	now, err := r.ScopeMap(ctx, from.Name) // ARM answers the deletion of one that is not there like any other
	if err != nil {
		return err
	}
	return r.change(ctx, Change{Action: ActionDelete, Kind: KindScopeMap, Name: from.Name, Before: now.rights()},
		func(ctx context.Context) error {
			changes := lineChanges(from.Actions, now.Actions)
			if !now.Created.Equal(from.Created) {
				changes = "it was deleted and made again"
			}
			//rule:manage-delete-scope-map
			if changes != "" {
				return r.conflict(op, "it was changed since it was read ("+changes+"); nothing was deleted")
			}
			poller, err := r.scopeMaps.BeginDelete(ctx, r.id.ResourceGroupName, r.id.Name, from.Name, nil)
			_, err = finish(ctx, r, op, poller, err)
			return err
		})
}

// settled reads a scope map again when settle has passed after a change. Another change from
// the same state has arrived by then.
func (r *Registry) settled(ctx context.Context, op, name string, want []string, settle time.Duration) error {
	if settle > 0 {
		if err := r.client.opts.Sleep(ctx, settle); err != nil {
			return err
		}
	}
	now, err := r.ScopeMap(ctx, name)
	if err != nil {
		return err
	}
	//rule:manage-read-after-write
	if !sameLines(now.Actions, want) {
		return r.conflict(op, "the change was made, and another change from the same state replaced it ("+
			lineChanges(want, now.Actions)+")")
	}
	return nil
}

// sameLines compares the lines of scope maps, whose order does not matter.
func sameLines(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))),
		slices.Compact(slices.Sorted(slices.Values(b))))
}

// lineChanges says how the lines of a scope map have changed: "added: …; removed: …".
func lineChanges(from, to []string) string {
	var parts []string
	for _, x := range []struct {
		what       string
		lines, not []string
	}{{"added", to, from}, {"removed", from, to}} {
		lines := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(x.lines))), func(line string) bool {
			return slices.Contains(x.not, line)
		})
		more := ""
		if n := len(lines) - maxLines; n > 0 {
			lines, more = lines[:maxLines], fmt.Sprintf(" and %d more", n)
		}
		if len(lines) > 0 {
			parts = append(parts, x.what+": "+strings.Join(lines, ", ")+more)
		}
	}
	return strings.Join(parts, "; ")
}

// maxLines is how many lines of each kind an error names; a scope map can have hundreds.
const maxLines = 10

func (r *Registry) conflict(op, why string) error {
	return &acrkit.Error{Code: acrkit.CodeConflict, Cause: cause.Conflict, Op: op, Registry: r.registry,
		Reason: why}
}

func (m ScopeMap) rights() *Rights { return &Rights{Actions: slices.Clone(m.Actions)} }
