package principal

import "testing"

// TestChosenIn_before: a chosen value that works until a generated one does is chosen.
func TestChosenIn_before(t *testing.T) {
	for what, x := range map[string]struct {
		before *Password
		want   int
	}{
		"none": {nil, 0}, "generated": {&Password{Generated: true}, 0}, "private": {&Password{Private: true}, 0},
		"chosen": {&Password{}, 1},
	} {
		names := ChosenIn(func(c *Change) {
			c.Put(&Token{RegistryID: 1, Name: "builder", Enabled: true,
				Passwords: []Password{{Slot: "password1", Generated: true, Before: x.before}}})
		})
		if len(names) != x.want {
			t.Errorf("%s: %q", what, names)
		}
	}
}
