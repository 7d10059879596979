package auth

import (
	"path/filepath"
)

// PlaceKind is a sort of place where a credential is looked for.
type PlaceKind string

// The sorts of places.
const (
	PlaceEnvironment PlaceKind = "environment" // variables
	PlaceFile        PlaceKind = "file"        // a configuration file of Docker or podman
	PlaceHelper      PlaceKind = "helper"      // a credential helper that such a file names
	PlaceStore       PlaceKind = "store"       // a login in the store of the command
)

// Place is what a [Lookup] looked at, for programs. Places with the same fields are
// the same.
type Place struct {
	Kind   PlaceKind // "" = a credential that was given as it is
	File   string    // path of the configuration file
	Entry  string    // key of an entry in File; "" = the file as a whole, or a helper
	Helper string    // NAME of docker-credential-NAME
	Prefix string    // of a login in the store: the repository prefix that it is for; "" = all
}

// IsPodman reports whether the place is a file of podman and its relatives, which
// docker login does not write.
func (p Place) IsPodman() bool { return filepath.Base(p.File) == "auth.json" }
