package walk

import (
	"path/filepath"
	"testing"
)

// mains make a program of a fragment, and return the command that runs it. The
// fragments of the pages list tags; what they need from the page is what its blocks
// have installed.
var mains = map[string]func(t *testing.T, dir, text string) string{
	"python": func(t *testing.T, dir, text string) string {
		write(t, filepath.Join(dir, "fragment.py"), `import os
from acrkit import scoped_token
from azure.containerregistry import ContainerRegistryClient

password = os.environ["ACR_TOKEN_PASSWORD"]
`+text)
		return "python3 fragment.py"
	},
	"ts": func(t *testing.T, dir, text string) string {
		write(t, filepath.Join(dir, "fragment.mjs"),
			`import { ContainerRegistryClient } from "@azure/container-registry";
import { scopedToken } from "acrkit";

const password = process.env.ACR_TOKEN_PASSWORD;
`+text)
		return "node fragment.mjs"
	},
	"java": func(t *testing.T, dir, text string) string {
		write(t, filepath.Join(dir, "Fragment.java"), `import com.azure.containers.containerregistry.*;
import io.github.acrkit.*;

public class Fragment {
    public static void main(String[] args) {
        var password = System.getenv("ACR_TOKEN_PASSWORD");
`+text+`    }
}
`)
		return "mvn --quiet -f acrkit/sdk/java/pom.xml " +
			"org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies " +
			"-DoutputDirectory=\"$PWD/lib\"\n" +
			"cp acrkit/sdk/java/target/acrkit-*.jar lib/\njava -cp 'lib/*' Fragment.java"
	},
	"go": func(t *testing.T, dir, text string) string {
		write(t, filepath.Join(dir, "fragment", "main.go"), `package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

func main() {
	if err := list(os.Getenv("ACR_TOKEN_PASSWORD")); err != nil {
		log.Fatal(err)
	}
}

func list(password string) error {
`+text+`	page, err := tags.NextPage(context.Background())
	for _, tag := range page.Tags {
		fmt.Println(*tag.Name)
	}
	return err
}
`)
		return "cd fragment && go mod init fragment && go mod edit -replace github.com/acrkit/acrkit=../acrkit && go " +
			"mod tidy && go run . && cd .."
	},
}
