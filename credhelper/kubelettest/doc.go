// Package kubelettest tests the credential helper's reading and writing of the kubelet's
// protocol against the kubelet's own types. It is a module of its own, so that importing
// acrkit does not import Kubernetes. The command in testdata/kubelet runs the kubelet's own
// code of credential providers, for the load test of package rotate; it needs much more of
// Kubernetes, so that only .ci/nightly compiles it.
package kubelettest
