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
			if err != nil {
				return r.failed(ctx, op, err)
			}
			if _, err := await(ctx, r, poller); err != nil {
				return r.failed(ctx, op, err)
			}
			return r.settled(ctx, op, m.Name, m.Actions, r.client.opts.Settle)
		})
}

// UpdateScopeMap gives a scope map other lines. from is the scope map as it was read: if
// its lines are others now, or others soon after the change, the error has
// [acrkit.CodeConflict], and says what they are.
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
			return r.conflict(op, "its actions were changed meanwhile; nothing was written")
		}
		poller, err := r.scopeMaps.BeginUpdate(ctx, r.id.ResourceGroupName, r.id.Name, from.Name,
			armcontainerregistry.ScopeMapUpdateParameters{
				Properties: &armcontainerregistry.ScopeMapPropertiesUpdateParameters{Actions: pointers(actions)}}, nil)
		if err != nil {
			return r.failed(ctx, op, err)
		}
		took := r.client.opts.Now().Sub(read)
		if _, err := await(ctx, r, poller); err != nil {
			return r.failed(ctx, op, err)
		}
		// Where this change took long, another one may take as long.
		settle := r.client.opts.Settle
		if settle > 0 {
			settle = max(settle, took)
		}
		if err := r.settled(ctx, op, from.Name, actions, settle); err != nil {
			return err
		}
		// Who changed it within this time has looked for a last time before it was replaced.
		//rule:manage-slow-write
		if settle > 0 && took > r.client.opts.Settle {
			return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: op, Registry: r.registry,
				Reason: fmt.Sprintf("it was changed, but %s after it was read; another change in this time is "+
					"lost, and its author was not told", took.Round(time.Millisecond))}
		}
		return nil
	})
}

// DeleteScopeMap removes a scope map; [acrkit.CodeNotFound] if there is none. The service
// refuses to remove one that a token uses.
func (r *Registry) DeleteScopeMap(ctx context.Context, name string) error {
	op := "delete the scope map " + quote(name)
	m, err := r.ScopeMap(ctx, name) // ARM answers the deletion of one that is not there like any other
	if err != nil {
		return err
	}
	return r.change(ctx, Change{Action: ActionDelete, Kind: KindScopeMap, Name: name, Before: m.rights()},
		func(ctx context.Context) error {
			poller, err := r.scopeMaps.BeginDelete(ctx, r.id.ResourceGroupName, r.id.Name, name, nil)
			if err != nil {
				return r.failed(ctx, op, err)
			}
			_, err = await(ctx, r, poller)
			return r.failed(ctx, op, err)
		})
}

// settled reads a scope map again after a change, and once more when settle has passed. Another
// change from the same state has arrived by then.
func (r *Registry) settled(ctx context.Context, op, name string, want []string, settle time.Duration) error {
	for again := range 2 {
		if again > 0 {
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
			return r.conflict(op, "the change was made, and another change from the same state replaced it")
		}
		if settle == 0 {
			break
		}
	}
	return nil
}

// sameLines compares the lines of scope maps, whose order does not matter.
func sameLines(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))),
		slices.Compact(slices.Sorted(slices.Values(b))))
}

func (r *Registry) conflict(op, why string) error {
	return &acrkit.Error{Code: acrkit.CodeConflict, Cause: cause.Conflict, Op: op, Registry: r.registry,
		Reason: why}
}

func (m ScopeMap) rights() *Rights { return &Rights{Actions: slices.Clone(m.Actions)} }
