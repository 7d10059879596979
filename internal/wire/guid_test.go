package wire

import "testing"

func TestIsGUID(t *testing.T) {
	for s, want := range map[string]bool{
		ZeroGUID:                                 true,
		"9e107d9d-372b-4b6a-8c3b-5d3f1c2a7e90":   true,
		"9E107D9D-372B-4B6A-8C3B-5D3F1C2A7E90":   true,
		"9e107d9d372b4b6a8c3b5d3f1c2a7e90":       false,
		"9e107d9d-372b-4b6a-8c3b-5d3f1c2a7e9":    false,
		"9e107d9d-372b-4b6a-8c3b-5d3f1c2a7e901":  false,
		"9g107d9d-372b-4b6a-8c3b-5d3f1c2a7e90":   false,
		"9e107d9d-372b-4b6a-8c3b-5d3f1c2a7e90\n": false,
		" 9e107d9d-372b-4b6a-8c3b-5d3f1c2a7e90":  false,
		"":                                       false,
	} {
		if got := IsGUID(s); got != want {
			t.Errorf("IsGUID(%q) = %v", s, got)
		}
	}
}
