// The cri command asks a container runtime for an image as a kubelet does, by the
// kubelet's own client of the Container Runtime Interface, and prints what the events
// of a pod say when it is refused:
//
//	cri SOCKET IMAGE
//
// Standard input is the user name and password, with a colon between them; empty
// input is an anonymous pull, as of a pod without a pull secret.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
	cri "k8s.io/cri-client/pkg"
	"k8s.io/klog/v2"
)

// limit bounds a pull.
const limit = 2 * time.Minute

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: cri SOCKET IMAGE")
		os.Exit(2)
	}
	if err := pull(os.Args[1], os.Args[2]); err != nil {
		// The words of the kubelet's events. Source: k8s.io/kubernetes,
		// pkg/kubelet/images/image_manager.go.
		fmt.Printf(
			"Warning  Failed  kubelet  Failed to pull image %q: %v\nWarning  Failed  kubelet  Error: "+
				"ErrImagePull\nNormal  BackOff  kubelet  Back-off pulling image %q\nWarning  Failed  kubelet  Error: "+
				"ImagePullBackOff\n",
			os.Args[2], err, os.Args[2])
		os.Exit(1)
	}
}

func pull(socket, image string) error {
	// Without a log, which has the same words again, with the time and the process.
	ctx, cancel := context.WithTimeout(klog.NewContext(context.Background(), klog.New(nil)), limit)
	defer cancel()
	login, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var auth *runtime.AuthConfig
	if user, password, ok := strings.Cut(strings.TrimSpace(string(login)), ":"); ok {
		auth = &runtime.AuthConfig{Username: user, Password: password}
	}
	service, err := cri.NewRemoteImageServiceBuilder().WithEndpoint("unix://" +
		socket).WithConnectionTimeout(limit).Build(ctx)
	if err != nil {
		return err
	}
	_, err = service.PullImage(ctx, &runtime.ImageSpec{Image: image}, auth, nil)
	return err
}
