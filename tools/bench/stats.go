package main

import "slices"

// median returns the middle of the values, 0 if there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	v := slices.Sorted(slices.Values(values))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// spread is a median with the least and the greatest value.
type spread struct{ middle, least, most float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	return spread{median(values), slices.Min(values), slices.Max(values)}
}

// ratios divides round by round: what slowed the machine down in a round slowed
// down both.
func ratios(of, by []float64) (out []float64) {
	for i := range min(len(of), len(by)) {
		if by[i] != 0 {
			out = append(out, of[i]/by[i])
		}
	}
	return out
}
