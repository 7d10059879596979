// The logins command says which login another program's own code finds in the files and
// variables of its environment, without asking a registry:
//
//	logins docker HOST     by the configuration of Docker's command (github.com/docker/cli)
//	logins kubelet IMAGE   by the kubelet's keyring (k8s.io/kubernetes, pkg/credentialprovider)
//
// It prints "user NAME PASSWORD", "identity token VALUE" or "nothing" as a string of Go, and what that code warns of
// on standard error. An error of it is the exit code 1.
package main

import (
	"fmt"
	"os"

	"github.com/docker/cli/cli/config"
	"k8s.io/kubernetes/pkg/credentialprovider"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: logins docker HOST | logins kubelet IMAGE")
		os.Exit(2)
	}
	find := docker
	if os.Args[1] == "kubelet" {
		find = kubelet
	}
	found, err := find(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%q\n", found)
}

func docker(host string) (string, error) {
	file := config.LoadDefaultConfigFile(os.Stderr)
	login, err := file.GetAuthConfig(host)
	if err != nil {
		return "", err
	}
	return found(login.Username, login.Password, login.IdentityToken), nil
}

func kubelet(image string) (string, error) {
	logins, ok := credentialprovider.NewDefaultDockerKeyring().Lookup(image)
	if !ok {
		return "nothing", nil
	}
	return found(logins[0].Username, logins[0].Password, logins[0].IdentityToken), nil
}

func found(user, password, token string) string {
	switch {
	case token != "":
		return "identity token " + token
	case user == "" && password == "":
		return "nothing"
	}
	return "user " + user + " " + password
}
