package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// The build to check: tools/release/check makes it, and passes these.
var (
	distFlag  = flag.String("dist", "", "the folder dist of a build to check")
	keyFlag   = flag.String("key", "", "the public key of its signature")
	againFlag = flag.String("again", "", "the folder dist of the same build, made in another folder")
)

// checkedBuild is the build to check. Without -dist there is none: the tests of a build
// belong to tools/release/check.
func checkedBuild(t *testing.T) build {
	t.Helper()
	if *distFlag == "" {
		t.Skip("there is no build to check: tools/release/check makes one")
	}
	b, err := readBuild(*distFlag)
	if err != nil {
		t.Fatal(err)
	}
	if want := version(t); b.Version != want || b.Tag != "v"+want {
		t.Fatalf("the build has version %s and tag %s, the manifests have %s", b.Version, b.Tag, want)
	}
	return b
}

// whole reports whether the build must have every platform, the packages and a signature:
// only a whole one is made twice.
func (b build) whole() bool { return *againFlag != "" }

var programs = []string{"acrkit", "docker-credential-acrkit"}

// platforms returns what the build is for, and requires all or linux/amd64 alone.
func (b build) platforms(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, bin := range b.binaries {
		if p := bin.OS + "/" + bin.Arch; !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	want := []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}
	if !b.whole() {
		want = []string{"linux/amd64"}
	}
	if !slices.Equal(out, want) || len(b.binaries) != len(want)*len(programs) {
		t.Fatalf("%d binaries for %v, want %d for %v", len(b.binaries), out, len(want)*len(programs), want)
	}
	return out
}

// archiveOf is the path of a platform's archive.
func (b build) archiveOf(platform string) string {
	name := "acrkit_" + b.Version + "_" + strings.ReplaceAll(platform, "/", "_")
	if strings.HasPrefix(platform, "windows/") {
		return filepath.Join(*distFlag, name+".zip")
	}
	return filepath.Join(*distFlag, name+".tar.gz")
}

// sbomOf is the path of a binary's SBOM.
func (b build) sbomOf(bin binary) string {
	program := strings.TrimSuffix(bin.Name, ".exe")
	return filepath.Join(*distFlag, fmt.Sprintf("%s_%s_%s_%s.cdx.json", program, b.Version, bin.OS, bin.Arch))
}

// commitOf returns the commit and its time, which every file in an archive has.
func (b build) commitOf(t *testing.T) (string, time.Time) {
	t.Helper()
	out := run(t, exec.Command("git", "-C", filepath.Dir(*distFlag), "log", "-1", "--format=%H %cI"))
	commit, date, _ := strings.Cut(strings.TrimSpace(out), " ")
	made, err := time.Parse(time.RFC3339, date)
	if err != nil || commit != b.Commit {
		t.Fatalf("the build is of commit %s, its clone of %s: %v", b.Commit, commit, err)
	}
	return commit, made.UTC()
}

// TestBinaries reads each binary: its format and machine, that it needs no interpreter,
// and what Go recorded in it.
func TestBinaries(t *testing.T) {
	b := checkedBuild(t)
	b.platforms(t)
	commit, _ := b.commitOf(t)
	places := []string{filepath.Dir(*distFlag), goEnv(t, "GOMODCACHE"), goEnv(t, "GOROOT")}
	for _, bin := range b.binaries {
		t.Run(bin.Name+" "+bin.OS+"/"+bin.Arch, func(t *testing.T) {
			if err := checkFormat(bin); err != nil {
				t.Error(err)
			}
			info, err := buildinfo.ReadFile(bin.Path)
			if err != nil {
				t.Fatal(err)
			}
			settings := map[string]string{}
			for _, s := range info.Settings {
				settings[s.Key] = s.Value
			}
			for key, want := range map[string]string{
				"GOOS": bin.OS, "GOARCH": bin.Arch, "CGO_ENABLED": "0", "-trimpath": "true",
				"vcs.revision": commit, "vcs.modified": "false",
			} {
				if settings[key] != want {
					t.Errorf("%s is %q, want %q", key, settings[key], want)
				}
			}
			if want := modulePath + "/cmd/" + strings.TrimSuffix(bin.Name, ".exe"); info.Path != want ||
				info.Main.Path != modulePath || info.Main.Version != b.Tag {
				t.Errorf("built from %s of %s %s, want %s of %s", info.Path, info.Main.Path,
					info.Main.Version, want, b.Tag)
			}
			code := []byte(read(t, bin.Path))
			for _, place := range places {
				if bytes.Contains(code, []byte(place)) {
					t.Errorf("the binary holds the path %s of the machine that built it", place)
				}
			}
		})
	}
}

// checkFormat compares a binary's format and machine with its platform.
func checkFormat(bin binary) error {
	wrong := func(machine any) error { return fmt.Errorf("%s is for the machine %v", bin.Path, machine) }
	arm := bin.Arch == "arm64"
	switch bin.OS {
	case "linux":
		f, err := elf.Open(bin.Path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if want := map[bool]elf.Machine{false: elf.EM_X86_64, true: elf.EM_AARCH64}[arm]; f.Machine != want {
			return wrong(f.Machine)
		}
		for _, p := range f.Progs {
			if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
				return fmt.Errorf("%s is linked dynamically", bin.Path)
			}
		}
	case "darwin":
		f, err := macho.Open(bin.Path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if want := map[bool]macho.Cpu{false: macho.CpuAmd64, true: macho.CpuArm64}[arm]; f.Cpu != want {
			return wrong(f.Cpu)
		}
	case "windows":
		f, err := pe.Open(bin.Path)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if want := map[bool]uint16{false: pe.IMAGE_FILE_MACHINE_AMD64,
			true: pe.IMAGE_FILE_MACHINE_ARM64}[arm]; f.Machine != want {
			return wrong(f.Machine)
		}
	}
	return nil
}

// TestArchives compares each archive's files with the binaries, the licence, the README
// and the completions.
func TestArchives(t *testing.T) {
	b := checkedBuild(t)
	_, made := b.commitOf(t)
	for _, platform := range b.platforms(t) {
		t.Run(platform, func(t *testing.T) {
			want := map[string]string{"LICENSE": "LICENSE", "README.md": "README.md"}
			for _, name := range []string{"acrkit.bash", "_acrkit", "acrkit.fish", "acrkit.ps1"} {
				want["completions/"+name] = "build/completions/" + name
			}
			for _, bin := range b.binaries {
				if bin.OS+"/"+bin.Arch == platform {
					rel, err := filepath.Rel(filepath.Dir(*distFlag), bin.Path)
					if err != nil {
						t.Fatal(err)
					}
					want[filepath.Base(bin.Path)] = rel
				}
			}
			if len(want) != 8 {
				t.Fatalf("binaries: %v", want)
			}
			got := readArchive(t, b.archiveOf(platform))
			for name, file := range got {
				source, ok := want[name]
				if !ok {
					t.Errorf("the archive has %s", name)
					continue
				}
				delete(want, name)
				mode := os.FileMode(0o644)
				if !strings.Contains(name, ".") && name != "LICENSE" && !strings.Contains(name, "/") ||
					strings.HasSuffix(name, ".exe") {
					mode = 0o755
				}
				if string(file.content) != read(t, filepath.Join(filepath.Dir(*distFlag), source)) ||
					file.mode != mode || !file.time.Equal(made) || file.owner != "root" {
					t.Errorf("%s: mode %o, of %s, owner %q, or other content than %s; want mode %o, of %s", name,
						file.mode, file.time, file.owner, source, mode, made)
				}
			}
			if len(want) > 0 {
				t.Errorf("the archive lacks %v", slices.Sorted(maps.Keys(want)))
			}
		})
	}
}

type archived struct {
	content []byte
	mode    os.FileMode
	time    time.Time
	owner   string // "root" in zip files, which have none
}

// readArchive returns the files of a .zip, .whl, .jar, .tar.gz or .tgz.
func readArchive(t *testing.T, file string) map[string]archived {
	t.Helper()
	data := []byte(read(t, file))
	out := map[string]archived{}
	if name := filepath.Base(file); !strings.HasSuffix(name, ".gz") && !strings.HasSuffix(name, ".tgz") {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, f := range z.File {
			if strings.HasSuffix(f.Name, "/") {
				continue
			}
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(r)
			if err != nil {
				t.Fatalf("%s: %s: %v", file, f.Name, err)
			}
			out[f.Name] = archived{content, f.Mode().Perm(), f.Modified.UTC(), "root"}
		}
		return out
	}
	g, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	r := tar.NewReader(g)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			out[h.Name] = archived{content, h.FileInfo().Mode().Perm(), h.ModTime.UTC(), h.Uname}
		}
	}
}

// TestChecksums: the file of checksums has every file that a release offers, with its
// checksum, and no other.
func TestChecksums(t *testing.T) {
	b := checkedBuild(t)
	want := map[string]string{}
	for _, platform := range b.platforms(t) {
		want[filepath.Base(b.archiveOf(platform))] = b.archiveOf(platform)
	}
	for _, bin := range b.binaries {
		want[filepath.Base(b.sbomOf(bin))] = b.sbomOf(bin)
	}
	for _, file := range b.packages() {
		want[filepath.Base(file)] = file
	}
	for line := range strings.Lines(read(t, b.checksums())) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		file, known := want[name]
		if !ok || !known {
			t.Errorf("the line %q", line)
			continue
		}
		delete(want, name)
		if got := sha256.Sum256([]byte(read(t, file))); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s has the checksum %x, the list says %s", name, got, sum)
		}
	}
	if len(want) > 0 {
		t.Errorf("the list lacks %v", slices.Sorted(maps.Keys(want)))
	}
}

func (b build) checksums() string {
	return filepath.Join(*distFlag, "acrkit_"+b.Version+"_checksums.txt")
}

// verifyArgs are the arguments of cosign that verify a file with the throw-away key.
func verifyArgs(key, bundle, file string) []string {
	return []string{"verify-blob", "--key", key, "--insecure-ignore-tlog=true", "--bundle", bundle, file}
}

// TestSignature: the signature of the checksums is good, also for openssl, and bad for
// another file or another key.
func TestSignature(t *testing.T) {
	b := checkedBuild(t)
	if !b.whole() {
		t.Skip("linux/amd64 alone was built, and not signed")
	}
	sums, dir := b.checksums(), t.TempDir()
	bundle := sums + ".sigstore.json"
	run(t, exec.Command("cosign", verifyArgs(*keyFlag, bundle, sums)...))
	changed := filepath.Join(dir, "changed")
	writeFile(t, changed, strings.Replace(read(t, sums), "a", "b", 1))
	if out, err := exec.Command("cosign", verifyArgs(*keyFlag, bundle, changed)...).CombinedOutput(); err == nil {
		t.Errorf("the signature is good for another file: %s", out)
	}
	other := exec.Command("cosign", "generate-key-pair", "--output-key-prefix", "other")
	other.Dir, other.Env = dir, append(os.Environ(), "COSIGN_PASSWORD=")
	run(t, other)
	if out, err := exec.Command("cosign", verifyArgs(filepath.Join(dir, "other.pub"), bundle,
		sums)...).CombinedOutput(); err == nil {
		t.Errorf("the signature is good for another key: %s", out)
	}

	var parts struct {
		MessageSignature struct{ Signature []byte }
	}
	if err := json.Unmarshal([]byte(read(t, bundle)), &parts); err != nil {
		t.Fatal(err)
	}
	signature := filepath.Join(dir, "signature")
	writeFile(t, signature, string(parts.MessageSignature.Signature))
	run(t, exec.Command("openssl", "dgst", "-sha256", "-verify", *keyFlag, "-signature", signature, sums))
}

// TestSBOM: the SBOM of each binary names the modules that Go recorded in it, and no other.
func TestSBOM(t *testing.T) {
	b := checkedBuild(t)
	for _, bin := range b.binaries {
		info, err := buildinfo.ReadFile(bin.Path)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"std@" + strings.TrimPrefix(info.GoVersion, "go")}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			want = append(want, m.Path+"@"+m.Version)
		}
		var sbom struct {
			BOMFormat string
			Metadata  struct {
				Component struct{ Name, Version string }
			}
			Components []struct{ Name, Version string }
		}
		file := b.sbomOf(bin)
		if err := json.Unmarshal([]byte(read(t, file)), &sbom); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range sbom.Components {
			got = append(got, c.Name+"@"+strings.TrimPrefix(c.Version, "go"))
		}
		slices.Sort(got)
		slices.Sort(want)
		if main := sbom.Metadata.Component; sbom.BOMFormat != "CycloneDX" || main.Name != modulePath ||
			main.Version != b.Tag {
			t.Errorf("%s: %s of %s %s", file, sbom.BOMFormat, main.Name, main.Version)
		}
		if len(want) < 10 || !slices.Equal(got, want) {
			t.Errorf("%s names %v\nthe binary has %v", file, got, want)
		}
	}
}

// TestImagesOfTheBuild checks the images as TestImages does those of a small build.
func TestImagesOfTheBuild(t *testing.T) {
	b := checkedBuild(t)
	arches := []string{"amd64", "arm64"}
	if !b.whole() {
		arches = arches[:1]
	}
	for _, i := range images {
		checkImage(t, filepath.Join(*distFlag, "images", i.name), i, arches, b.Version, b.Commit,
			func(arch string) []byte {
				n := slices.IndexFunc(b.binaries, func(bin binary) bool {
					return bin.OS == "linux" && bin.Arch == arch && bin.Name == i.program
				})
				if n < 0 {
					t.Fatalf("no binary of %s for %s", i.program, arch)
				}
				return []byte(read(t, b.binaries[n].Path))
			})
	}
}

// TestAgain: another build of the same commit in another folder made the same files.
func TestAgain(t *testing.T) {
	b := checkedBuild(t)
	if !b.whole() {
		t.Skip("linux/amd64 alone was built, once")
	}
	one, two := filepath.Dir(*distFlag), filepath.Dir(*againFlag)
	files := append(b.packages(), b.checksums())
	for _, bin := range b.binaries {
		files = append(files, bin.Path, b.sbomOf(bin))
	}
	for _, platform := range b.platforms(t) {
		files = append(files, b.archiveOf(platform))
	}
	for _, file := range files {
		rel, err := filepath.Rel(one, file)
		if err != nil {
			t.Fatal(err)
		}
		if read(t, file) != read(t, filepath.Join(two, rel)) {
			t.Errorf("%s differs", rel)
			continue
		}
		t.Logf("%x %s", sha256.Sum256([]byte(read(t, file))), rel)
	}
	sameFiles(t, filepath.Join(*distFlag, "images"), filepath.Join(*againFlag, "images"))
}

// unpack unpacks the archive for this machine into a new folder, as a user would.
func (b build) unpack(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, exec.Command("tar", "-xzf", b.archiveOf("linux/"+runtime.GOARCH), "-C", dir))
	return dir
}

// TestPrograms runs both programs of the archive for this machine.
func TestPrograms(t *testing.T) {
	b := checkedBuild(t)
	dir := b.unpack(t)
	commit, made := b.commitOf(t)
	want := b.Tag + " (" + commit + ", " + made.Format(time.RFC3339) + ") "
	if out := run(t, exec.Command(filepath.Join(dir, "acrkit"), "--version")); !strings.HasPrefix(out, "acrkit "+want) {
		t.Errorf("acrkit --version: %q, want %q", out, want)
	}
	if out := run(t, exec.Command(filepath.Join(dir, "docker-credential-acrkit"), "version")); !strings.Contains(out,
		b.Tag) || !strings.Contains(out, commit) {
		t.Errorf("docker-credential-acrkit version: %q", out)
	}
	for shell, file := range map[string]string{"bash": "acrkit.bash", "zsh": "_acrkit", "fish": "acrkit.fish",
		"powershell": "acrkit.ps1"} {
		if out := run(t, exec.Command(filepath.Join(dir, "acrkit"), "completion", shell)); out != read(t,
			filepath.Join(dir, "completions", file)) {
			t.Errorf("the archive's completions for %s are not those of the program", shell)
		}
	}
}
