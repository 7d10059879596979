package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/internal/imagegen"
	"github.com/acrkit/acrkit/scopemap"
)

// step is one step of the demo. do returns the line to print about it; an error means
// that it had another outcome than expected.
type step struct {
	title string
	with  string // which client and credential
	do    func(context.Context) ([]string, error)
}

func (s *stage) steps() []step {
	const (
		official = "Microsoft's Go client, "
		asCI     = `token "` + pullToken + `"`
	)
	return []step{
		{"Push two images for two platforms", "oras-go, a service principal with AcrPush", s.push},
		{"Make a scope map and a token", "", s.makeToken},
		{"List the tags of " + repoWeb, official + asCI, s.listTags},
		{"Read a manifest", official + asCI, s.readManifest},
		{"Try to list the repositories", official + asCI, s.refusedCatalog},
		{"Try to push", official + asCI, s.refusedPush},
		{"List the repositories with a root scope map", official + `token "` + browseToken + `"`, s.listWithRootMap},
		{"List the repositories as a service principal", official + "azidentity", s.listWithPrincipal},
	}
}

func (s *stage) transport(cred auth.Credential) (*auth.Transport, error) {
	t, err := auth.NewTransport(s.host, cred, &auth.Options{Base: s.trace})
	if err == nil {
		s.closers = append(s.closers, t.Close)
	}
	return t, err
}

// client is what the whole demonstration is about: the official client with any
// credential.
func (s *stage) client(cred auth.Credential) (*azcontainerregistry.Client, error) {
	return azureauth.NewContainerRegistryClient(s.host, cred,
		&azcontainerregistry.ClientOptions{ClientOptions: s.azure()})
}

func (s *stage) azure() azcore.ClientOptions {
	return azcore.ClientOptions{Transport: s.httpClient(),
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://" + s.host + "/"}}
}

func (s *stage) push(ctx context.Context) ([]string, error) {
	cred := auth.ServicePrincipal(tenantID, clientID, s.secret,
		&auth.EntraOptions{AuthorityHost: "https://" + s.host + "/"})
	rt, err := s.transport(cred)
	if err != nil {
		return nil, err
	}
	platforms := []ocispec.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}
	var say []string
	for _, name := range []string{repoWeb, repoWorker} {
		repo, err := remote.NewRepository(s.host + "/" + name)
		if err != nil {
			return nil, err
		}
		repo.Client = httpClient(rt)
		index := imagegen.Index(name, platforms, nil)
		err = index.Walk(func(m imagegen.Manifest) error {
			for _, b := range m.Blobs {
				if err := repo.Push(ctx, b.Descriptor, bytes.NewReader(b.Data)); err != nil {
					return err
				}
			}
			if m.Descriptor.Digest != index.Descriptor.Digest {
				return repo.Push(ctx, m.Descriptor, bytes.NewReader(m.Data))
			}
			for _, tag := range []string{"v1", "latest"} {
				if err := repo.PushReference(ctx, m.Descriptor, bytes.NewReader(m.Data), tag); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		say = append(say, fmt.Sprintf("pushed %s:v1, latest  %s  linux/amd64, linux/arm64", name,
			short(index.Descriptor.Digest.String())))
	}
	return say, nil
}

// makeToken does what `az acr scope-map create` and `az acr token create` do.
func (s *stage) makeToken(ctx context.Context) ([]string, error) {
	lines := []string{"repositories/" + repoWeb + "/content/read", "repositories/" + repoWeb + "/metadata/read"}
	m, err := scopemap.Parse(lines)
	if err != nil {
		return nil, err
	}
	m.Name = pullToken
	if err := s.registry.PutScopeMap(ctx, m); err != nil {
		return nil, err
	}
	if s.pullPassword, err = s.token(ctx, pullToken, pullToken); err != nil {
		return nil, err
	}
	// One of the scope maps that every registry has: reading, on all repositories.
	const rootMap = "_repositories_pull_metadata_read"
	if s.browsePassword, err = s.token(ctx, browseToken, rootMap); err != nil {
		return nil, err
	}
	return []string{
		fmt.Sprintf("scope map %-10s %s", pullToken, lines[0]),
		fmt.Sprintf("          %-10s %s", "", lines[1]),
		fmt.Sprintf("token     %-10s with that scope map", pullToken),
		fmt.Sprintf("token     %-10s with the root map %s, for later", browseToken, rootMap),
	}, nil
}

func (s *stage) token(ctx context.Context, name, scopeMap string) (string, error) {
	if err := s.registry.PutToken(ctx, emulator.TokenSpec{Name: name, ScopeMap: scopeMap}); err != nil {
		return "", err
	}
	passwords, err := s.registry.GeneratePasswords(ctx, name, time.Time{}, "password1")
	if err != nil {
		return "", err
	}
	return string(passwords[0].Value), nil
}

func (s *stage) listTags(ctx context.Context) ([]string, error) {
	client, err := s.client(auth.ScopedToken(pullToken, s.pullPassword))
	if err != nil {
		return nil, err
	}
	s.ci = client
	var tags []string
	pager := client.NewListTagsPager(repoWeb, nil)
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, azureauth.AsError("list the tags", err)
		}
		for _, t := range page.Tags {
			tags = append(tags, *t.Name)
		}
	}
	return []string{"tags: " + strings.Join(tags, ", ")}, expect("the tags", strings.Join(tags, " "), "latest v1")
}

func (s *stage) readManifest(ctx context.Context) ([]string, error) {
	// The client's own Accept is JSON only; an index has to be asked for.
	accept := ocispec.MediaTypeImageIndex
	m, err := s.ci.GetManifest(ctx, repoWeb, "v1", &azcontainerregistry.ClientGetManifestOptions{Accept: &accept})
	if err != nil {
		return nil, azureauth.AsError("read a manifest", err)
	}
	defer m.ManifestData.Close()
	const most = 4 << 20 // the limit of the service
	data, err := io.ReadAll(io.LimitReader(m.ManifestData, most))
	if err != nil {
		return nil, err
	}
	want := imagegen.Index(repoWeb, []ocispec.Platform{{OS: "linux", Architecture: "amd64"},
		{OS: "linux", Architecture: "arm64"}}, nil)
	if !bytes.Equal(data, want.Data) {
		return nil, errors.New("the manifest is not the one that was pushed")
	}
	return []string{fmt.Sprintf("%s  %d bytes, as they were pushed",
		short(want.Descriptor.Digest.String()), len(data))}, nil
}

func (s *stage) refusedCatalog(ctx context.Context) ([]string, error) {
	_, err := s.ci.NewListRepositoriesPager(nil).NextPage(ctx)
	return refused("list the repositories", err, "registry:catalog:*",
		"metadata/read on the root pattern *, which alone opens the list of repositories",
		"the name of a repository, as in step 3; or a root scope map, as in step 7; or a service principal, as "+
			"in step 8")
}

func (s *stage) refusedPush(ctx context.Context) ([]string, error) {
	m := imagegen.Image("refused", ocispec.Platform{OS: "linux", Architecture: "amd64"}, nil)
	_, err := s.ci.UploadManifest(ctx, repoWeb, "v2",
		azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON, nopCloser{bytes.NewReader(m.Data)}, nil)
	return refused(fmt.Sprintf("push to %q", repoWeb), err, "repository:"+repoWeb+":push",
		"content/write on "+repoWeb,
		"a token whose scope map also has repositories/"+repoWeb+"/content/write")
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// refused checks that a request was refused because one right is missing, and describes it.
func refused(op string, err error, missing, right, instead string) ([]string, error) {
	if err == nil {
		return nil, fmt.Errorf("cannot be: the registry let the token %s", op)
	}
	err = azureauth.AsError(op, err)
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != acrkit.CodeInsufficientScope || e.Granted == nil {
		return nil, fmt.Errorf("refused otherwise than it must be: %w", err)
	}
	if err := expect("the missing right", e.Required.Minus(*e.Granted).String(), missing); err != nil {
		return nil, err
	}
	return []string{
		"refused:     " + e.Reason,
		"missing:     " + right,
		"use instead: " + instead,
	}, nil
}

func (s *stage) listWithRootMap(ctx context.Context) ([]string, error) {
	return s.listRepositories(ctx, auth.ScopedToken(browseToken, s.browsePassword))
}

func (s *stage) listWithPrincipal(ctx context.Context) ([]string, error) {
	principal, err := azidentity.NewClientSecretCredential(tenantID, clientID, s.secret,
		&azidentity.ClientSecretCredentialOptions{
			ClientOptions:            s.azure(),
			DisableInstanceDiscovery: true, // Microsoft's list of authorities does not know this one
		})
	if err != nil {
		return nil, err
	}
	return s.listRepositories(ctx, azureauth.Credential(principal, nil))
}

func (s *stage) listRepositories(ctx context.Context, cred auth.Credential) ([]string, error) {
	client, err := s.client(cred)
	if err != nil {
		return nil, err
	}
	var names []string
	pager := client.NewListRepositoriesPager(nil)
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, azureauth.AsError("list the repositories", err)
		}
		for _, n := range page.Names {
			names = append(names, *n)
		}
	}
	return []string{"repositories: " + strings.Join(names, ", ")}, expect("the repositories", strings.Join(names, " "),
		repoWeb+" "+repoWorker)
}

func expect(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s are %q, want %q", what, got, want)
	}
	return nil
}

func short(digest string) string {
	algorithm, hex, ok := strings.Cut(digest, ":")
	if !ok || len(hex) <= 12 {
		return digest
	}
	return algorithm + ":" + hex[:12] + "…"
}
