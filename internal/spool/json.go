package spool

import (
	"encoding/json"
	"iter"
)

// AddJSON adds a value as JSON.
func (s *Spool) AddJSON(key string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.Add([]byte(key), data)
}

// Values returns what [Spool.AddJSON] has added, in order. It ends after an error.
func Values[T any](s *Spool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for record, err := range s.All() {
			var value T
			if err == nil {
				err = json.Unmarshal(record.Value, &value)
			}
			if !yield(value, err) || err != nil {
				return
			}
		}
	}
}
