package manage

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/exactjson"
)

// maxSubscriptions bounds the search for a registry.
//
//rule:manage-max-subscriptions
const maxSubscriptions = 1000

// Registry is a registry as Azure Resource Manager has it. It may be used by several
// goroutines.
type Registry struct {
	client   *Client
	registry acrkit.Registry
	id       *arm.ResourceID
	options  *arm.ClientOptions

	scopeMaps   *armcontainerregistry.ScopeMapsClient
	tokens      *armcontainerregistry.TokensClient
	registries  *armcontainerregistry.RegistriesClient
	assignments *armauthorization.RoleAssignmentsClient
	definitions *armauthorization.RoleDefinitionsClient
}

// Settings are the settings of a registry that decide who has access.
type Settings struct {
	LoginServer   string
	Location      string // westeurope
	SKU           string // Basic, Standard or Premium
	AdminUser     bool   // the admin user is on: one user with all rights
	AnonymousPull bool   // clients without a credential may pull
	ABAC          bool   // roles may be narrowed to repositories, and AcrPull and its like give nothing
	ARMTokens     bool   // Entra tokens for Azure Resource Manager are accepted
	PublicNetwork bool   // it can be reached from public networks
}

// Registry finds a registry by its login server. The error has [acrkit.CodeNotFound] if
// none of the subscriptions that the identity sees has it, and [acrkit.CodeIncomplete] if
// one of them could not be read.
func (c *Client) Registry(ctx context.Context, reg acrkit.Registry) (*Registry, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	options, err := c.armOptions(reg)
	if err != nil {
		return nil, err
	}
	id, err := c.find(ctx, reg, options)
	if err != nil {
		return nil, err
	}
	r := &Registry{client: c, registry: reg, id: id, options: options}
	r.scopeMaps, _ = armcontainerregistry.NewScopeMapsClient(id.SubscriptionID, c.cred, options)
	r.tokens, _ = armcontainerregistry.NewTokensClient(id.SubscriptionID, c.cred, options)
	r.registries, _ = armcontainerregistry.NewRegistriesClient(id.SubscriptionID, c.cred, options)
	r.assignments, _ = armauthorization.NewRoleAssignmentsClient(id.SubscriptionID, c.cred, options)
	r.definitions, err = armauthorization.NewRoleDefinitionsClient(c.cred, options)
	if err != nil { // all of them make the same pipeline
		return nil, failed(ctx, reg, options, "use Azure Resource Manager", err)
	}
	return r, nil
}

const opFind = "find the registry in Azure"

// find returns the resource id of a registry.
func (c *Client) find(ctx context.Context, reg acrkit.Registry, options *arm.ClientOptions) (*arm.ResourceID, error) {
	subscriptions := []string{c.opts.Subscription}
	if c.opts.Subscription == "" {
		if c.opts.First != "" {
			id, err := c.findIn(ctx, c.opts.First, options, reg)
			switch {
			case err == nil && id != "":
				return parseID(reg, id)
			case err != nil && !errors.Is(err, acrkit.CodeNotFound) && !errors.Is(err, acrkit.CodeDenied):
				return nil, err
			}
		}
		var err error
		if subscriptions, err = c.subscriptions(ctx, reg, options); err != nil {
			return nil, err
		}
	}
	var unread []error
	for _, s := range subscriptions {
		id, err := c.findIn(ctx, s, options, reg)
		switch {
		case err == nil && id != "":
			return parseID(reg, id)
		case err == nil || errors.Is(err, acrkit.CodeNotFound):
		case errors.Is(err, acrkit.CodeDenied) && len(subscriptions) > 1:
			unread = append(unread, err)
		default:
			return nil, err
		}
	}
	e := &acrkit.Error{Code: acrkit.CodeNotFound, Op: opFind, Registry: reg,
		Reason: "no subscription that this identity sees has a registry with this login server"}
	if c.opts.Subscription != "" {
		e.Reason = "the subscription " + c.opts.Subscription + " has no registry with this login server"
		if c.opts.ResourceGroup != "" {
			e.Reason = "the resource group " + c.opts.ResourceGroup + " has no registry with this login server"
		}
	}
	if len(unread) > 0 {
		e.Code, e.Errs = acrkit.CodeIncomplete, unread
		e.Reason += ", and not all of them could be read"
	}
	return nil, e
}

// findIn looks in one subscription, or in one group of it.
func (c *Client) findIn(ctx context.Context, subscription string, options *arm.ClientOptions,
	reg acrkit.Registry) (string, error) {
	client, err := armcontainerregistry.NewRegistriesClient(subscription, c.cred, options)
	if err != nil {
		return "", failed(ctx, reg, options, opFind, err)
	}
	is := func(x *armcontainerregistry.Registry) bool {
		return x != nil && x.Properties != nil && strings.EqualFold(deref(x.Properties.LoginServer), reg.Host())
	}
	if c.opts.ResourceGroup == "" {
		for page := client.NewListPager(nil); page.More(); {
			list, err := page.NextPage(ctx)
			if err != nil {
				return "", failed(ctx, reg, options, opFind, err)
			}
			for _, x := range list.Value {
				if is(x) {
					return deref(x.ID), nil
				}
			}
		}
		return "", nil
	}
	// A login server that carries a hash has the registry's name before it.
	name, _, _ := strings.Cut(reg.Name(), "-")
	if !reg.IsLoopback() {
		one, err := client.Get(ctx, c.opts.ResourceGroup, name, nil)
		if err == nil && is(&one.Registry) {
			return deref(one.ID), nil
		}
		if err := failed(ctx, reg, options, opFind, err); err != nil && !errors.Is(err, acrkit.CodeNotFound) {
			return "", err
		}
	}
	for page := client.NewListByResourceGroupPager(c.opts.ResourceGroup, nil); page.More(); {
		list, err := page.NextPage(ctx)
		if err != nil {
			return "", failed(ctx, reg, options, opFind, err)
		}
		for _, x := range list.Value {
			if is(x) {
				return deref(x.ID), nil
			}
		}
	}
	return "", nil
}

func (c *Client) subscriptions(ctx context.Context, reg acrkit.Registry, options *arm.ClientOptions) ([]string, error) {
	client, err := armsubscriptions.NewClient(c.cred, options)
	if err != nil {
		return nil, failed(ctx, reg, options, opFind, err)
	}
	var all []string
	for page := client.NewListPager(nil); page.More(); {
		list, err := page.NextPage(ctx)
		if err != nil {
			return nil, failed(ctx, reg, options, opFind, err)
		}
		for _, s := range list.Value {
			if s != nil && s.SubscriptionID != nil {
				all = append(all, *s.SubscriptionID)
			}
		}
		if len(all) > maxSubscriptions {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: opFind, Registry: reg,
				Reason: "this identity sees too many subscriptions to search them all; name the registry's"}
		}
	}
	return all, nil
}

func parseID(reg acrkit.Registry, id string) (*arm.ResourceID, error) {
	parsed, err := arm.ParseResourceID(id)
	if err != nil || parsed.ResourceGroupName == "" || parsed.Name == "" {
		return nil, &acrkit.Error{Code: acrkit.CodeProtocol, Op: opFind, Registry: reg,
			Reason: "the registry's resource id is malformed"}
	}
	return parsed, nil
}

// ID is the resource id: /subscriptions/…/registries/NAME.
func (r *Registry) ID() string { return r.id.String() }

// Name is the name of the resource, which the login server need not begin with.
func (r *Registry) Name() string { return r.id.Name }

// Host is the login server that was asked for.
func (r *Registry) Host() acrkit.Registry { return r.registry }

// Settle is how long after a change another one may still arrive that was made
// from the same state ([Options.Settle]).
func (r *Registry) Settle() time.Duration { return r.client.opts.Settle }

// settingsVersion has the settings that the SDK's version does not have.
const settingsVersion = "2025-11-01"

// Settings reads the registry's settings.
func (r *Registry) Settings(ctx context.Context) (Settings, error) {
	const op = "read the registry's settings"
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	options := *r.options
	options.APIVersion = settingsVersion
	client, err := armcontainerregistry.NewRegistriesClient(r.id.SubscriptionID, r.client.cred, &options)
	if err != nil {
		return Settings{}, r.failed(ctx, op, err)
	}
	var resp *http.Response
	x, err := client.Get(policy.WithCaptureResponse(ctx, &resp), r.id.ResourceGroupName, r.id.Name, nil)
	if err != nil {
		return Settings{}, r.failed(ctx, op, err)
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return Settings{}, r.failed(ctx, op, err)
	}
	var said struct {
		Properties struct {
			AnonymousPull bool   `json:"anonymousPullEnabled"`
			Mode          string `json:"roleAssignmentMode"`
		} `json:"properties"`
	}
	if err := exactjson.Unmarshal(body, &said); err != nil || x.Properties == nil {
		return Settings{}, &acrkit.Error{Code: acrkit.CodeProtocol, Op: op, Registry: r.registry,
			Reason: "the answer is not a registry's"}
	}
	s := Settings{LoginServer: deref(x.Properties.LoginServer), Location: deref(x.Location),
		AdminUser:     deref(x.Properties.AdminUserEnabled),
		AnonymousPull: said.Properties.AnonymousPull, ARMTokens: true,
		ABAC:          strings.EqualFold(said.Properties.Mode, "AbacRepositoryPermissions"),
		PublicNetwork: deref(x.Properties.PublicNetworkAccess) != armcontainerregistry.PublicNetworkAccessDisabled}
	if x.SKU != nil {
		s.SKU = string(deref(x.SKU.Name))
	}
	var policies struct {
		Properties struct {
			Policies struct {
				ARM struct {
					Status string `json:"status"`
				} `json:"azureADAuthenticationAsArmPolicy"`
			} `json:"policies"`
		} `json:"properties"`
	}
	if exactjson.Unmarshal(body, &policies) == nil {
		s.ARMTokens = !strings.EqualFold(policies.Properties.Policies.ARM.Status, "disabled")
	}
	return s, nil
}

// deref returns what p points to, or zero.
func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// pages walks all items of a list.
func pages[P, V, W any](ctx context.Context, r *Registry, op string, pager *runtime.Pager[P], items func(P) []*V,
	value func(*V) W) iter.Seq2[W, error] {
	return func(yield func(W, error) bool) {
		var zero W
		for pager.More() {
			page, err := pager.NextPage(ctx)
			if err != nil {
				yield(zero, r.failed(ctx, op, err))
				return
			}
			for _, item := range items(page) {
				if item != nil && !yield(value(item), nil) {
					return
				}
			}
		}
	}
}
