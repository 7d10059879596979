package db

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/acrkit/acrkit/internal/private"
)

// markName is the mark's name in the data folder.
const markName = "mark"

// mark says, outside of the database, which database the folder holds and how far
// it had come when the last commit was acknowledged. SQLite itself takes a
// write-ahead log that is missing, shortened or damaged for one that ends early,
// and an empty file for a new database.
//
// It is overwritten in place after each commit and before that is acknowledged,
// without a sync: the end of the process leaves it as it is, and after a power cut
// it may be older than the database, never newer.
//
// A database that was closed is one file, whose checksum the mark has too, until
// the database is opened again: SQLite has none of its pages.
type mark struct {
	database string // the database's name: 26 letters and digits
	commits  uint64 // that were acknowledged; 0 = none yet, the folder is new
	sum      string // of the closed file: 8 hexadecimal digits; noSum = it is open, or was not closed
}

// noSum is what a mark has in the place of a checksum.
const noSum = "--------"

// The mark is one line of a fixed length, which ends in a checksum of its own.
const (
	markFormat = "acrkit-mark-1 %s %016x %s"
	markSize   = len("acrkit-mark-1 ") + 26 + 1 + 16 + 1 + len(noSum) + len(" 12345678\n")
)

func (m mark) encode() []byte {
	line := fmt.Sprintf(markFormat, m.database, m.commits, m.sum)
	return fmt.Appendf(nil, "%s %08x\n", line, crc32.ChecksumIEEE([]byte(line)))
}

func parseMark(data []byte) (m mark, ok bool) {
	if len(data) != markSize {
		return mark{}, false
	}
	_, err := fmt.Sscanf(string(data), markFormat, &m.database, &m.commits, &m.sum)
	//rule:state-lost-parse-mark
	if err != nil || string(m.encode()) != string(data) {
		return mark{}, false
	}
	return m, true
}

// readMark reads the mark of a folder; ok is false if there is none.
func readMark(dir string) (m mark, ok bool, err error) {
	data, ok, err := private.ReadSecret(filepath.Join(dir, markName))
	if err != nil || !ok {
		return mark{}, false, err
	}
	if m, ok = parseMark(data); !ok {
		err = &Incomplete{Reason: markName + ", which says what " + fileName + " must hold, is damaged"}
	}
	return m, ok, err
}

// IsNew reports whether the folder's mark says that nothing was acknowledged yet,
// as an interrupted first start of an emulator leaves it. known is false if there is
// no mark.
//
// Errors: [Incomplete] for a damaged mark.
func IsNew(dir string) (isNew, known bool, err error) {
	m, ok, err := readMark(dir)
	return ok && m.commits == 0, ok, err
}

// makeMark writes a new mark, durably, and opens it.
func makeMark(dir string, m mark) (*os.File, error) {
	path := filepath.Join(dir, markName)
	if err := private.WriteFile(path, m.encode(), 0o600); err != nil {
		return nil, err
	}
	return private.OpenSecret(path, os.O_RDWR)
}

// sumOf returns the checksum of a file. It finds each flipped bit, and is as fast as
// the file is read. It protects against accidents, not against an attacker.
func sumOf(path string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%08x", h.Sum32()), nil
}

// SetAside moves the files of a folder that exist into a new folder aside-* beside
// them. Without names it moves the database and what belongs to it.
func SetAside(dir string, names ...string) error {
	if len(names) == 0 {
		names = []string{fileName, fileName + "-wal", fileName + "-shm", markName}
	}
	to, err := os.MkdirTemp(dir, "aside-")
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(to, name)); err != nil &&
			!errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return private.SyncDir(dir)
}
