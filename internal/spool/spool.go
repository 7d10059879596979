// Package spool sorts records that may not fit into memory. It keeps a bounded part of
// them there; the others are in a temporary file that only its user can read.
package spool

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
)

const (
	// DefaultMemory is how many bytes of records are kept in memory.
	DefaultMemory = 16 << 20
	// overhead is about what a record takes besides its bytes.
	overhead = 96
	// bufferSize is the memory for each part of the file when it is read.
	bufferSize = 64 << 10
)

// Spool is a set of records that become sorted. It is not safe for several goroutines.
type Spool struct {
	memory int
	held   []Record
	size   int // of held
	file   *os.File
	end    int64
	parts  []part
}

// Record is what is sorted: by key, then by value.
type Record struct{ Key, Value []byte }

// part is a sorted part of the file.
type part struct {
	at, size int64
	records  int
}

// New returns an empty spool; memory is in bytes, 0 = [DefaultMemory].
func New(memory int) *Spool { return &Spool{memory: cmp.Or(memory, DefaultMemory)} }

// Add adds a record, which the spool keeps.
func (s *Spool) Add(key, value []byte) error {
	s.held = append(s.held, Record{key, value})
	s.size += len(key) + len(value) + overhead
	//rule:command-limits-spool
	if s.size <= s.memory {
		return nil
	}
	return s.spill()
}

func compare(a, b Record) int {
	return cmp.Or(bytes.Compare(a.Key, b.Key), bytes.Compare(a.Value, b.Value))
}

// spill writes what is held to the file.
func (s *Spool) spill() (err error) {
	if s.file == nil {
		if s.file, err = os.CreateTemp("", "acrkit-*"); err != nil { // mode 0600
			return fmt.Errorf("make a temporary file: %w", err)
		}
		_ = os.Remove(s.file.Name()) // where an open file can be removed; else Close does it
	}
	slices.SortFunc(s.held, compare)
	w := bufio.NewWriterSize(s.file, bufferSize)
	n := int64(0)
	put := func(b []byte) {
		var size [binary.MaxVarintLen64]byte
		for _, x := range [][]byte{binary.AppendUvarint(size[:0], uint64(len(b))), b} {
			k, werr := w.Write(x)
			n, err = n+int64(k), errors.Join(err, werr)
		}
	}
	for _, r := range s.held {
		if put(r.Key); err == nil {
			put(r.Value)
		}
		if err != nil {
			return fmt.Errorf("write a temporary file: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	s.parts = append(s.parts, part{s.end, n, len(s.held)})
	s.end += n
	s.held, s.size = s.held[:0], 0
	clear(s.held[:cap(s.held)])
	return nil
}

// All returns the records in order. Nothing is added after it.
func (s *Spool) All() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		slices.SortFunc(s.held, compare)
		sources := []*source{{held: s.held}}
		for _, p := range s.parts {
			r := bufio.NewReaderSize(io.NewSectionReader(s.file, p.at, p.size), bufferSize)
			sources = append(sources, &source{r: r, left: p.records})
		}
		heap := sources[:0:0] // by the next record
		less := func(a, b *source) int { return compare(a.next, b.next) }
		for _, x := range sources {
			ok, err := x.advance()
			if err != nil {
				yield(Record{}, err)
				return
			}
			if ok {
				heap = append(heap, x)
			}
		}
		slices.SortFunc(heap, less)
		for len(heap) > 0 {
			first := heap[0]
			if !yield(first.next, nil) {
				return
			}
			ok, err := first.advance()
			if err != nil {
				yield(Record{}, err)
				return
			}
			heap = heap[1:]
			if ok {
				i, _ := slices.BinarySearchFunc(heap, first, less)
				heap = slices.Insert(heap, i, first)
			}
		}
	}
}

// Close removes the file.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	_ = os.Remove(s.file.Name())
	s.file, s.held, s.parts = nil, nil, nil
	return err
}

// source is a sorted list of records, in memory or in the file.
type source struct {
	held []Record
	r    *bufio.Reader
	left int // in the file
	next Record
}

func (s *source) advance() (ok bool, err error) {
	if s.r == nil {
		if len(s.held) == 0 {
			return false, nil
		}
		s.next, s.held = s.held[0], s.held[1:]
		return true, nil
	}
	if s.left == 0 {
		return false, nil
	}
	s.left--
	var key, value []byte
	if key, err = read(s.r); err == nil {
		value, err = read(s.r)
	}
	s.next = Record{key, value}
	if err != nil {
		return false, fmt.Errorf("read a temporary file: %w", err)
	}
	return true, nil
}

func read(r *bufio.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return b, err
}
