// Package kubelettest holds the credential helper's reading and writing of the
// kubelet's protocol to the kubelet's own types. It is a module of its own, so that
// nobody who imports acrkit gets Kubernetes with it.
package kubelettest
