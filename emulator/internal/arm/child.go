package arm

import (
	"net/http"

	"github.com/acrkit/acrkit/emulator/internal/write"
)

// child is a scope map or a token of the registry, as it is answered and reported.
type child struct {
	kind string // begins the ids of its operations
	id   string // resource id
	form func() any
}

// answerChild answers GET of a scope map or token; found is false if there is none.
func (c *call) answerChild(x child, found bool) error {
	if !found {
		return notInRegistry(c.names["name"])
	}
	return c.answer(http.StatusOK, x.form())
}

// reportChild answers a change of a scope map or token, which may have been deleted
// meanwhile.
func (c *call) reportChild(x child, found bool, doing string, style Style) error {
	if !found {
		return notInRegistry(c.names["name"])
	}
	return c.report(operation{kind: x.kind, resource: x.id, location: c.registry.Location, doing: doing,
		style: style}, x.form)
}

// removeChild is recorded: 202, then an operation; 204 if there is none (documented).
func (c *call) removeChild(x child, found bool, remove func(*write.Registry) error) error {
	if !found {
		return c.empty(http.StatusNoContent)
	}
	if err := c.updateRegistry(remove); err != nil {
		return err
	}
	return c.report(operation{kind: x.kind, resource: x.id, location: c.registry.Location, doing: "Deleting",
		style: Location}, nil)
}
