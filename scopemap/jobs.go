package scopemap

import (
	"slices"

	"github.com/acrkit/acrkit"
)

// Job is what one client does in one run, as a push, with the least rights that it needs. The
// rights were recorded from the client itself, and with each one removed the run failed.
type Job struct {
	Name    string // "docker-push"
	Does    string // what it does, "push an image"
	Client  string // the program or library that was recorded, "docker"
	Version string // of the client, when it was recorded
	Needs   []Need // one for each role
}

// RoleCatalog is the role of the list of all repositories of the registry. It takes no
// target: its right is [acrkit.MetadataRead] on [Root].
const RoleCatalog = "catalog"

// Need is what a job needs on the repository, or repositories, of one role.
type Need struct {
	Role     string          // "repository" if there is one, else as "source" and "target"; or RoleCatalog
	Actions  []acrkit.Action // without one of them the job fails, in the order of [acrkit.Actions]
	Optional []OptionalRight
}

// OptionalRight is a right that a job uses, and without which it does the same by other means.
type OptionalRight struct {
	Action  acrkit.Action
	Without string // what the client does without it
	Log     string // the line of the client's log that shows it
}

// Jobs returns the jobs that are known, in the order of their names.
func Jobs() []Job {
	all := make([]Job, 0, len(jobTable))
	for _, j := range jobTable {
		j.Needs = slices.Clone(j.Needs)
		all = append(all, j)
	}
	return all
}
