package cli_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/registry"
)

func (d *desk) hasTag(tag string) bool {
	_, err := d.registry().Tag(d.t.Context(), repository, tag)
	return d.there(err)
}

func (d *desk) hasManifest(digest string) bool {
	_, err := d.registry().Manifest(d.t.Context(), repository, digest)
	return d.there(err)
}

// rows returns the output's lines without the registry's name before each.
func (s said) rows() []string {
	var rows []string
	for line := range strings.Lines(s.out) {
		_, row, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "/")
		rows = append(rows, row)
	}
	return rows
}

// TestDelete_asks: a person sees what will go, and says yes or no.
func TestDelete_asks(t *testing.T) {
	for _, tc := range []struct{ line, shown, asked string }{
		{"tag delete samples/app:v1 samples/app:latest", "samples/app:v1: the manifest %s stays, with latest\n",
			"Delete 2 tags on "},
		{"manifest delete samples/app:v1", "samples/app:v1: %s; 2 tags go with it: latest, v1; " +
			"1 referrer goes with it\n", "Delete 1 manifest on "},
		{"repo delete samples/app", "samples/app: 2 tags and 2 manifests go\n", "Delete 1 repository on "},
	} {
		for _, answer := range []string{"y", "n", ""} {
			d := newDesk(t)
			image := d.Push(repository, "v1", "latest")
			d.PushArtifact(image, "application/x.signature")
			s := d.answer(answer+" ", strings.Fields(tc.line)...)
			if strings.Contains(tc.shown, "%s") {
				tc.shown = fmt.Sprintf(tc.shown, image.Digest)
			}
			if !strings.Contains(s.err, "/"+tc.shown) || !strings.Contains(s.err, tc.asked) {
				t.Errorf("%s: %v", tc.line, s)
			}
			want := cmdutil.ExitFailed
			if answer == "y" {
				want = cmdutil.ExitOK
			}
			if s.code != want || d.hasTag("v1") == (answer == "y") || (s.out == "") == (answer == "y") {
				t.Errorf("%s, %q: tag there %t, %v", tc.line, answer, d.hasTag("v1"), s)
			}
		}
	}
}

// meanwhile is a terminal at which something happens before the answer.
type meanwhile struct {
	happens func()
	io.Reader
}

func (m *meanwhile) Read(p []byte) (int, error) {
	if m.happens != nil {
		m.happens()
		m.happens = nil
	}
	return m.Reader.Read(p)
}

// TestDelete_changed_meanwhile: what has changed since it was shown is not deleted.
func TestDelete_changed_meanwhile(t *testing.T) {
	for line, happens := range map[string]func(*desk){
		"tag delete samples/app:v1":      func(d *desk) { d.PushIndex(repository, []string{"linux/amd64"}, "v1") },
		"manifest delete samples/app:v1": func(d *desk) { d.PushIndex(repository, []string{"linux/amd64"}, "v1") },
		"manifest delete samples/app:v2": func(d *desk) {
			d.must(d.registry().DeleteTag(t.Context(), repository, "v3"))
		},
		"repo delete samples/app": func(d *desk) { d.PushIndex(repository, []string{"linux/amd64"}, "new") },
	} {
		d := newDesk(t)
		d.Push(repository, "v1")
		d.Push(repository, "v2", "v3")
		f, end := d.factory("y")
		f.IO.In = &meanwhile{func() { happens(d) }, strings.NewReader("y\n")}
		s := end(cli.Run(t.Context(), f, strings.Fields(line)))
		if s.code != cmdutil.ExitFailed || !strings.Contains(s.err, "it has changed since it was shown") ||
			!d.hasTag("v1") || !d.hasTag("v2") {
			t.Errorf("%s: %v", line, s)
		}
	}
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// TestDelete_several: each reference has its result, and the exit code is the worst.
func TestDelete_several(t *testing.T) {
	d := newDesk(t)
	image := d.Push(repository, "a", "b", "c")
	off := false
	_, err := d.registry().UpdateTag(t.Context(), repository, "b", registry.AttributeChange{Delete: &off})
	d.must(err)
	s := d.run("tag", "delete", "--yes", "samples/app:gone", "samples/app:a", "samples/app:b", "samples/app:c",
		"samples/app:a")
	want := []string{"samples/app:gone\tfailed\t\t", "samples/app:a\tdeleted\t" + image.Digest + "\tb,c",
		"samples/app:b\tfailed\t" + image.Digest + "\tc", "samples/app:c\tdeleted\t" + image.Digest + "\tb"}
	if diff := cmp.Diff(want, s.rows()); diff != "" || s.code != cmdutil.ExitRefused {
		t.Errorf("%s%v", diff, s)
	}
	for _, words := range []string{`cannot read the tag "gone"`, `cannot delete the tag "b"`,
		"try: acrkit tag unlock " + d.Host() + "/samples/app:b\n"} {
		if strings.Count(s.err, words) != 1 {
			t.Errorf("%q is not said once: %s", words, s.err)
		}
	}
	s = d.run("tag", "delete", "--dry-run", "samples/app:gone", "samples/app:b", "--json", "reference,status,error",
		"--jq", `.[] | .status + " " + (.error | .[:16])`)
	if s.out != "failed cannot read the \nfailed cannot delete lo\n" || s.code != cmdutil.ExitRefused {
		t.Error(s)
	}
}

// TestDelete_in_the_midst: a failure in the midst hides no other result.
func TestDelete_in_the_midst(t *testing.T) {
	d := newDesk(t)
	one, two := d.Push(repository, "a"), d.Push("samples/app", "b", "c")
	d.Fault(fault.Fault{Kind: fault.Throttle, RetryAfter: 100e9, Count: 1,
		Routes: []fault.Route{fault.RouteManifestDelete}})
	s := d.run("manifest", "delete", "--yes", "samples/app:a", "samples/app:b")
	want := []string{"samples/app:a\tfailed\t" + one.Digest + "\ta", "samples/app:b\tdeleted\t" + two.Digest + "\tb,c"}
	if diff := cmp.Diff(want, s.rows()); diff != "" || s.code != cmdutil.ExitUnavailable || !d.hasManifest(one.Digest) {
		t.Errorf("%s%v", diff, s)
	}
}

// TestChange_interrupted: what was changed before an interrupt is listed, and what was not.
func TestChange_interrupted(t *testing.T) {
	for _, tc := range []struct{ line, done string }{
		{"tag delete --yes samples/app:a samples/app:b samples/app:c", "deleted"},
		{"tag lock samples/app:a samples/app:b samples/app:c", "locked"},
	} {
		d := newDesk(t)
		d.Push(repository, "a", "b", "c")
		ctx, cancel := context.WithCancelCause(t.Context())
		d.before(func(r *http.Request, forward func()) {
			if strings.HasSuffix(r.URL.Path, "/_tags/b") && r.Method != http.MethodGet {
				_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client gives up
				cancel(cmdutil.ErrInterrupted)
				<-r.Context().Done()
				return
			}
			forward()
		})
		f, end := d.factory("")
		s := end(cli.Run(ctx, f, append(strings.Fields(tc.line), "--plain-http", "--json", "status", "--jq",
			".[].status")))
		if s.code != cmdutil.ExitInterrupted || s.out != tc.done+"\nnot known\nnot tried\n" ||
			s.err != "acrkit: interrupted\n" {
			t.Errorf("%s: %v", tc.line, s)
		}
	}
}

// TestDelete_locks: a refusal names the item with the lock and unlocks it by its fix; a
// dry run sees the lock.
func TestDelete_locks(t *testing.T) {
	for _, tc := range []struct{ line, item, unlock string }{
		{"tag delete samples/app:v1", "tag", "tag unlock HOST/samples/app:v1"},
		{"tag delete samples/app:v1", "repository", "repo unlock HOST/samples/app"},
		{"manifest delete samples/app:v1", "manifest", "manifest unlock HOST/samples/app@DIGEST"},
		{"manifest delete samples/app:v1", "tag", "tag unlock HOST/samples/app:v1"},
		{"manifest delete samples/app:v1", "repository", "repo unlock HOST/samples/app"},
		{"repo delete samples/app", "repository", "repo unlock HOST/samples/app"},
		{"repo delete samples/app", "manifest", "manifest unlock HOST/samples/app@DIGEST"},
		{"repo delete samples/app", "tag", "tag unlock HOST/samples/app:v1"},
	} {
		t.Run(tc.line+" "+tc.item, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			image := d.Push(repository, "v1")
			target := map[string]string{"tag": "tag lock samples/app:v1", "manifest": "manifest lock samples/app:v1",
				"repository": "repo lock samples/app"}[tc.item]
			if s := d.run(strings.Fields(target)...); s.code != cmdutil.ExitOK {
				t.Fatal(s)
			}
			fix := strings.NewReplacer("HOST", d.Host(), "DIGEST", image.Digest).Replace(tc.unlock)
			s := d.run(strings.Fields(tc.line + " --yes")...)
			if s.code != cmdutil.ExitRefused || !strings.Contains(s.err, "the "+tc.item+" is locked: ") ||
				!strings.Contains(s.err, "(405 locked, ") || !strings.Contains(s.err, "\ntry: acrkit "+fix+"\n") {
				t.Error(s)
			}
			within := strings.HasPrefix(tc.line, "repo") && tc.item != "repository" ||
				strings.HasPrefix(tc.line, "manifest") && tc.item == "tag"
			dry := d.run(strings.Fields(tc.line + " --dry-run")...)
			if within { // a dry run does not look there
				if dry.code != cmdutil.ExitOK {
					t.Error(dry)
				}
			} else if dry.code != cmdutil.ExitRefused || !strings.Contains(dry.err, "\ntry: acrkit "+fix+"\n") {
				t.Error(dry)
			}
			if s := d.run(strings.Fields(fix)...); s.code != cmdutil.ExitOK {
				t.Error(s)
			}
			if s := d.run(strings.Fields(tc.line + " --yes")...); s.code != cmdutil.ExitOK {
				t.Error(s)
			}
		})
	}
}

// TestDelete_without_metadata: content/delete suffices to delete a tag or a repository,
// and what is not known is said to be so.
func TestDelete_without_metadata(t *testing.T) {
	for _, line := range []string{"tag delete samples/app:v1", "repo delete samples/app"} {
		d := newDesk(t, "content/delete")
		d.Push(repository, "v1")
		s := d.answer("y", strings.Fields(line)...)
		if s.code != cmdutil.ExitOK || !strings.Contains(s.err, "not known without metadata/read") || d.hasTag("v1") {
			t.Errorf("%s: %v", line, s)
		}
	}
	d := newDesk(t, "content/delete")
	image := d.Push(repository, "v1")
	s := d.run("manifest", "delete", "--yes", "samples/app@"+image.Digest)
	if s.code != cmdutil.ExitRefused || !strings.Contains(s.err, "but not metadata/read") || !d.hasTag("v1") {
		t.Error(s)
	}
	if s := d.run("manifest", "delete", "--yes", "--force", "samples/app@"+image.Digest); s.code != cmdutil.ExitOK ||
		d.hasTag("v1") {
		t.Error(s)
	}
}

// TestDelete_not_known: without metadata/read it cannot be seen whether a delete without
// an answer was made.
func TestDelete_not_known(t *testing.T) {
	d := newDesk(t, "content/delete")
	d.Push(repository, "v1")
	d.cutting(false)
	s := d.run("tag", "delete", "--yes", "samples/app:v1", "--plain-http")
	if s.code != cmdutil.ExitUnavailable || !strings.Contains(s.out, "\tnot known\t") {
		t.Error(s)
	}
}

// TestManifestDelete_of_an_index: a manifest that an index refers to is kept, unless the
// index is deleted first.
func TestManifestDelete_of_an_index(t *testing.T) {
	setup := func(t *testing.T) (d *desk, index string, children []registry.Reference) {
		d = newDesk(t)
		d.Push(repository, "other")
		index = d.PushIndex(repository, []string{"linux/amd64", "linux/arm64"}, "multi").Digest
		m, err := d.registry().Manifest(t.Context(), repository, index)
		d.must(err)
		return d, index, m.References
	}
	at := func(digest string) string { return "samples/app@" + digest }

	d, index, children := setup(t)
	for _, flag := range []string{"--yes", "--dry-run"} {
		s := d.run("manifest", "delete", flag, at(children[0].Digest))
		if s.code != cmdutil.ExitFailed || !strings.Contains(s.err, "the index "+index+" refers to it") ||
			!strings.Contains(s.err, "\ntry: acrkit manifest delete "+d.Host()+"/"+at(index)+" "+d.Host()+"/"+
				at(children[0].Digest)) || !d.hasManifest(children[0].Digest) {
			t.Errorf("%s: %v", flag, s)
		}
	}
	s := d.answer("y", "manifest", "delete", "--force", at(children[0].Digest))
	if s.code != cmdutil.ExitOK || !strings.Contains(s.err, "broken by it: the index "+index) ||
		d.hasManifest(children[0].Digest) {
		t.Error(s)
	}

	// The index is deleted first, in either order of the arguments.
	d, index, children = setup(t)
	s = d.run("manifest", "delete", "--yes", at(children[1].Digest), at(children[0].Digest), "samples/app:multi")
	if rows := s.rows(); s.code != cmdutil.ExitOK || len(rows) != 3 ||
		!strings.HasPrefix(rows[0], "samples/app:multi\t") ||
		d.hasManifest(index) || d.hasManifest(children[0].Digest) || d.hasManifest(children[1].Digest) ||
		!d.hasTag("other") {
		t.Error(s)
	}

	// An index that stays keeps its manifests.
	d, index, children = setup(t)
	off := false
	_, err := d.registry().UpdateManifest(t.Context(), repository, index, registry.AttributeChange{Delete: &off})
	d.must(err)
	s = d.run("manifest", "delete", "--yes", at(children[0].Digest), at(index))
	if s.code != cmdutil.ExitFailed || !d.hasManifest(index) || !d.hasManifest(children[0].Digest) ||
		!strings.Contains(s.err, "refers to it") || !strings.Contains(s.err, "is locked") {
		t.Error(s)
	}

	// Both names of one manifest are one.
	d, index, _ = setup(t)
	s = d.run("manifest", "delete", "--yes", "samples/app:multi", at(index))
	if rows := s.rows(); s.code != cmdutil.ExitOK || len(rows) != 1 || d.hasManifest(index) {
		t.Error(s)
	}
}

// TestManifestDelete_by_its_digest: what is deleted is what the tag pointed to.
func TestManifestDelete_by_its_digest(t *testing.T) {
	d := newDesk(t)
	image := d.Push(repository, "v1")
	d.ResetRequests()
	if s := d.run("manifest", "delete", "--yes", "samples/app:v1"); s.code != cmdutil.ExitOK {
		t.Fatal(s)
	}
	if n := d.Requests().Count("DELETE", "/v2/samples/app/manifests/"+image.Digest); n != 1 {
		t.Errorf("%d deletes: %q", n, d.Requests().Lines())
	}
}

func TestLock_attributes(t *testing.T) {
	d := newDesk(t)
	d.Push(repository, "v1")
	for _, tc := range []struct{ line, row string }{
		{"tag lock samples/app:v1 --write --dry-run", "samples/app:v1\twould be locked\tnone\twrite"},
		{"tag lock samples/app:v1 --write", "samples/app:v1\tlocked\tnone\twrite"},
		{"tag lock samples/app:v1 --write", "samples/app:v1\tunchanged\twrite\twrite"},
		{"tag lock samples/app:v1 --read --list", "samples/app:v1\tlocked\twrite\twrite,list,read"},
		{"tag lock samples/app:v1 --delete", "samples/app:v1\tlocked\twrite,list,read\tdelete,write,list,read"},
		{"tag unlock samples/app:v1", "samples/app:v1\tunlocked\tdelete,write,list,read\tlist,read"},
		{"tag unlock samples/app:v1 --read --dry-run", "samples/app:v1\twould be unlocked\tlist,read\tlist"},
		{"tag unlock samples/app:v1 --read", "samples/app:v1\tunlocked\tlist,read\tlist"},
		{"tag unlock samples/app:v1 --list", "samples/app:v1\tunlocked\tlist\tnone"},
	} {
		if s := d.run(strings.Fields(tc.line)...); s.code != cmdutil.ExitOK || strings.Join(s.rows(), "\n") != tc.row {
			t.Errorf("%s: %v, want %s", tc.line, s, tc.row)
		}
	}
	s := d.run("tag", "lock", "samples/app:v1", "--json", "before,after,status", "--jq",
		".[0] | .status, .before.deleteEnabled, .after.deleteEnabled, .after.readEnabled")
	if s.code != cmdutil.ExitOK || s.out != "locked\ntrue\nfalse\ntrue\n" {
		t.Error(s)
	}
}

// TestLock_without_metadata_read: metadata/write suffices, and what was before is not
// known.
func TestLock_without_metadata_read(t *testing.T) {
	d := newDesk(t, "metadata/write")
	d.Push(repository, "v1")
	s := d.run("tag", "lock", "samples/app:v1")
	if s.code != cmdutil.ExitOK || strings.Join(s.rows(), "") != "samples/app:v1\tlocked\t\tdelete,write" ||
		!strings.Contains(s.err, "not known without metadata/read") {
		t.Error(s)
	}
}

// TestView_locks: the locks of tag, manifest and repository are separate, and all shown.
func TestView_locks(t *testing.T) {
	d := newDesk(t)
	d.Push(repository, "v1", "v2")
	for _, line := range []string{"tag lock samples/app:v1 --write", "manifest lock samples/app:v1 --delete",
		"repo lock samples/app --read"} {
		if s := d.run(strings.Fields(line)...); s.code != cmdutil.ExitOK {
			t.Fatal(s)
		}
	}
	for line, words := range map[string]string{
		"tag view samples/app:v1":      "locks\twrite\nmanifest locks\tdelete\nrepository locks\tread\n",
		"manifest view samples/app:v2": "locks\tdelete\nlocked tags\tv1\nrepository locks\tread\n",
		"repo view samples/app":        "locks\tread\n",
	} {
		if s := d.run(strings.Fields(line)...); s.code != cmdutil.ExitOK || !strings.Contains(s.out, words) {
			t.Errorf("%s: %v", line, s)
		}
	}
	d.ResetRequests()
	s := d.run("tag", "view", "samples/app:v1", "--json", "digest")
	if n := d.Requests().Count("GET", "/acr/v1/"); s.code != cmdutil.ExitOK || n != 1 {
		t.Errorf("%d requests for one field: %v", n, s)
	}
	// A pull that a lock forbids is explained, and unlocked by the flag.
	s = d.run("manifest", "view", "--raw", "samples/app:v1")
	if s.code != cmdutil.ExitRefused || !strings.Contains(s.err, "the repository is locked") ||
		!strings.Contains(s.err, "\ntry: acrkit repo unlock "+d.Host()+"/samples/app --read\n") {
		t.Error(s)
	}
}

func TestChange_wrong_usage(t *testing.T) {
	d := newDesk(t)
	for line, words := range map[string]string{
		"tag delete":                               "needs one or more tags",
		"tag delete samples/app":                   "names no tag",
		"tag lock samples/app@" + zeroDigest:       "names a digest",
		"tag view samples/app":                     "names no tag",
		"manifest delete samples/app":              "names neither a tag nor a digest",
		"manifest unlock samples/app":              "names neither a tag nor a digest",
		"repo delete samples/app:v1":               "names a tag or a digest",
		"repo lock samples/app:v1":                 "names a tag or a digest",
		"tag delete samples/app:v1":                "give --yes",
		"manifest delete samples/app:v1":           "give --yes",
		"repo delete samples/app":                  "give --yes",
		"tag lock samples/app:v1 x.azurecr.io/a:b": "registries of their own",
	} {
		s := d.run(strings.Fields(line)...)
		if s.code != cmdutil.ExitUsage || !strings.Contains(s.err, words) || s.out != "" {
			t.Errorf("%s: %v", line, s)
		}
	}
	if n := len(d.Requests()); n > 0 {
		t.Errorf("%d requests were sent", n)
	}
}
