package main

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"k8s.io/kubernetes/pkg/credentialprovider"
	"k8s.io/kubernetes/pkg/credentialprovider/plugin"
	"k8s.io/utils/clock"
)

// node is a node's kubelet, as far as it looks for credentials.
type node struct {
	keyring credentialprovider.DockerKeyring
	clock   *ahead
}

// Request asks for the credentials of an image.
type Request struct {
	Image string        // without its tag, as the kubelet looks it up
	Ahead time.Duration // by how much the node's clock is ahead of the machine's
}

// Login is one credential that the kubelet would try.
type Login struct{ Username, Password string }

// newNode registers the providers of a configuration, as the kubelet does when it starts.
func newNode(config, binDir string) (*node, error) {
	if err := plugin.RegisterCredentialProviderPlugins(config, binDir, nil, nil); err != nil {
		return nil, err
	}
	n := &node{keyring: plugin.NewExternalCredentialProviderDockerKeyring("", "", "", ""), clock: &ahead{}}
	return n, setClock(n.keyring, n.clock)
}

// Lookup returns what the kubelet would pull an image with.
func (n *node) Lookup(req Request, out *[]Login) error { //nolint:unparam // net/rpc asks for the error
	n.clock.by.Store(int64(req.Ahead))
	found, _ := n.keyring.Lookup(req.Image)
	for _, f := range found {
		*out = append(*out, Login{f.Username, f.Password})
	}
	return nil
}

// ahead is the machine's clock, moved.
type ahead struct {
	clock.RealClock
	by atomic.Int64
}

func (c *ahead) Now() time.Time { return c.RealClock.Now().Add(time.Duration(c.by.Load())) }

// setClock gives a clock to the caches of a keyring. The kubelet's packages have no option
// for it, and only their own tests can set it otherwise.
func setClock(keyring credentialprovider.DockerKeyring, c clock.Clock) (err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("this version of Kubernetes keeps its clock in another place: %v", why)
		}
	}()
	providers := reflect.ValueOf(keyring).Elem().FieldByName("providers")
	for i := range providers.Len() {
		provider := providers.Index(i).Elem().Elem().FieldByName("provider").Elem()
		policy := provider.FieldByName("cache").Elem().Elem().FieldByName("expirationPolicy").Elem().Elem()
		for _, field := range []reflect.Value{provider.FieldByName("clock"), policy.FieldByName("clock")} {
			reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem().Set(reflect.ValueOf(c))
		}
	}
	return nil
}
