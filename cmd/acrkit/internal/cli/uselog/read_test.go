package uselog

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

const (
	// recorded is a line of a storage account (recorded, names changed).
	recorded = `{ "time": "2025-01-30T14:19:15.1931730Z", "category": "ContainerRegistryRepositoryEvents", ` +
		`"resourceId": "/SUBSCRIPTIONS/0/RESOURCEGROUPS/R/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/EXAMPLE", ` +
		`"operationName": "Pull", "identity": "user@example.com", "location": "westeurope", ` +
		`"resultType": "HttpStatusCode", "resultDescription": "404", "durationMs": "38.212784", ` +
		`"properties": {"tag":"sha256:2a","digest":"<nil>","repository":"tipster-service","artifactType":"acr.docker",` +
		`"loginServer":"example.azurecr.io","userAgent":"acr-cleanup"}, "RegionStamp": "weu-3"}`
	decision = `{"id":7,"time":"2026-01-01T00:00:00Z","registry":"myregistry","kind":"scoped-token",` +
		`"principal":"ci","method":"PUT","path":"/v2/a/manifests/v1","required":"repository:a:pull,push",` +
		`"outcome":"allowed","missing":"","rules":["x"]}`
	login = `{"TimeGenerated":"2026-01-01T00:00:00Z","OperationName":"Login","Identity":"ci","ResultDescription":"200",` +
		`"LoginServer":"myregistry.azurecr.io","Type":"ContainerRegistryLoginEvents"}`
	recordingText = "# acrkit recording 1 of myregistry.azurecr.io, from 2026-01-01T00:00:00Z " +
		"to 2026-01-01T00:05:00Z\n" +
		"# used 2 times, first 2026-01-01T00:00:01Z, last 2026-01-01T00:00:09Z\nrepositories/a/content/read\n" +
		"# used 1 times, first 2026-01-01T00:00:02Z, last 2026-01-01T00:00:02Z\nrepositories/*/metadata/read\n" +
		"# end of the recording\n"
)

const (
	readA, writeA = "repositories/a/content/read", "repositories/a/content/write"
	allShown      = "content/read content/write content/delete metadata/read metadata/write"
)

func replaceOnce(t *testing.T, text, old, with string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("%q is not in %q", old, text)
	}
	return strings.Replace(text, old, with, 1)
}

// TestRead: what one line says.
func TestRead(t *testing.T) {
	change := func(old, with string) string { return replaceOnce(t, recorded, old, with) }
	decide := func(old, with string) string { return replaceOnce(t, decision, old, with) }
	for name, tt := range map[string]struct {
		line  string
		lines string // of the map
		error string // of the line
	}{
		"not found, after the right was checked": {recorded, "repositories/tipster-service/content/read", ""},
		"refused":                                {change(`"404"`, `"401"`), "", ""},
		"forbidden":                              {change(`"404"`, `"403"`), "", ""},
		"throttled":                              {change(`"404"`, `"429"`), "tried:repositories/tipster-service/content/read", ""},
		"failed":                                 {change(`"404"`, `"503"`), "tried:repositories/tipster-service/content/read", ""},
		"an unknown operation, failed":           {replaceOnce(t, change(`"404"`, `"503"`), `"Pull"`, `"Frob"`), "", ""},
		"a push": {change(`"Pull"`, `"Push"`),
			"repositories/tipster-service/content/read repositories/tipster-service/content/write", ""},
		"a delete of a repository": {change(`"Pull"`, `"DeleteRepository"`),
			"repositories/tipster-service/content/delete", ""},
		"an untag":                {change(`"Pull"`, `"Untag"`), "repositories/tipster-service/content/delete", ""},
		"by the retention policy": {change(`"Pull"`, `"PurgeManifest"`), "", ""},
		"a number as status":      {change(`"404"`, `200`), "repositories/tipster-service/content/read", ""},
		"not a status":            {change(`"404"`, `"OK"`), "", `its result is no status code: "OK"`},
		"no result": {change(`"resultDescription": "404", `, ``), "",
			`its result is no status code: "HttpStatusCode"`},
		"no column of results": {change(`"resultType": "HttpStatusCode", "resultDescription": "404", `, ``), "",
			"it has no column ResultDescription"},
		"a time of Germany": {change("2025-01-30T14:19:15.1931730Z", "30.1.2025, 14:19:15,193"), "",
			"in a regional format other than English"},
		"another table": {change("RepositoryEvents", "TaskEvents"), "",
			`it is of "ContainerRegistryTaskEvents"`},
		"another service":       {change("ContainerRegistryRepositoryEvents", "AuditEvent"), "", ""},
		"a name that is none":   {change(`"tipster-service"`, `"A B"`), "", `"A B" is no name of a repository`},
		"no repository, failed": {replaceOnce(t, change(`"tipster-service"`, `"<nil>"`), `"404"`, `"500"`), "", ""},
		"no repository":         {change(`"tipster-service"`, `"<nil>"`), "", `"" is no name of a repository`},
		"no time":               {change(`"time"`, `"tim"`), "", `it has no time in "timegenerated"`},
		"a time that is none":   {change("2025-01-30T", "yesterday "), "", "is no time such as"},
		"another century":       {change("2025-01", "1601-01"), "", "another century"},
		"twice the same": {change(`"RegionStamp"`, `"Identity":"user@example.com","RegionStamp"`),
			"repositories/tipster-service/content/read", ""},
		"twice and differently": {change(`"RegionStamp"`, `"Identity":"other","RegionStamp"`), "",
			`it says twice, and differently, what is "identity"`},
		"escapes": {change(`"tipster-service"`, `"tipster\u002dservice"`),
			"repositories/tipster-service/content/read", ""},
		"properties as a text": {change(`{"tag":"sha256:2a","digest":"<nil>","repository":"tipster-service",`+
			`"artifactType":"acr.docker","loginServer":"example.azurecr.io","userAgent":"acr-cleanup"}`,
			`"{\"repository\":\"tipster-service\"}"`), "repositories/tipster-service/content/read", ""},
		"properties as another text": {change(`"properties": {`, `"properties": "none", "p": {`), "",
			"it has no column Repository"},
		"cut":        {recorded[:len(recorded)-40], "", "it ends before the JSON does"},
		"not JSON":   {change(`"location":`, `location:`), "", `it is not JSON: 'l'`},
		"a decision": {decision, readA + " " + writeA, ""},
		"a decision about the catalog": {decide("repository:a:pull,push", "registry:catalog:*"),
			"repositories/*/metadata/read", ""},
		"denied":                 {decide(`"allowed"`, `"denied"`), "", ""},
		"challenged":             {decide(`"allowed"`, `"challenged"`), "", ""},
		"faulted":                {decide(`"allowed"`, `"faulted"`), "tried:" + readA + " tried:" + writeA, ""},
		"asked for and not used": {decide("/v2/a/manifests/v1", "/oauth2/token"), "", ""},
		"a decision without a path": {decide(`"path"`, `"way"`), "",
			`a decision without "path": print it with --json time,`},
		"another outcome": {decide(`"allowed"`, `"perhaps"`), "", `"perhaps" is no outcome`},
		"a scope that is cut": {decide("repository:a:pull,push", "repository:a:pull,pu…"), "",
			"its required scope"},
		"a sign-in":             {login, "", ""},
		"nothing that is known": {`{"a":1}`, "", "it has no columns of a log that is known"},
		"deeper than anything": {`{"a":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}`, "",
			"nested deeper than 100"},
	} {
		// A good line beside it, so that the source is a log.
		l, err := readAll(t, Choice{Identities: []string{"user@example.com", "ci"}}, 0,
			tt.line+"\n"+replaceOnce(t, login, "myregistry.azurecr.io", "localhost:1")+"\n")
		if err != nil && tt.lines != "" || err != nil && acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, u := range uses(t, l) {
			if u.Count == 0 && u.Failed == 1 {
				got = append(got, "tried:"+u.Rule.String())
			} else {
				got = append(got, u.Rule.String())
			}
		}
		if diff := cmp.Diff(tt.lines, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		missing := strings.Join(l.Missing(), "\n")
		if (tt.error == "") != (missing == "") || !strings.Contains(missing, tt.error) ||
			tt.error != "" && !strings.Contains(missing, "a:1: ") {
			t.Errorf("%s: %q, want %q on line 1", name, missing, tt.error)
		}
	}
	if l, err := readAll(t, Choice{}, 0, `{"a":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`+"\n"+
		login); err != nil ||
		!strings.Contains(l.Missing()[0], "no columns") {
		t.Errorf("100 deep: %v, %v", err, l.Missing())
	}
}

// TestRead_times: the forms of times, all in UTC.
func TestRead_times(t *testing.T) {
	want := time.Date(2026, 1, 30, 14, 19, 15, 193e6, time.UTC)
	for _, text := range []string{"2026-01-30T14:19:15.1930000Z", "2026-01-30T15:19:15.193+01:00",
		"2026-01-30 14:19:15.193", "2026-01-30T14:19:15.193", "2026-01-30 14:19:15.193000+00:00",
		"2026-01-30 14:19:15.193Z", "1/30/2026, 2:19:15.193 PM",
		"1/30/2026, 2:19:15.193\u202fPM"} {
		l, err := readAll(t, Choice{}, 0, "TimeGenerated [UTC],OperationName,Repository,ResultDescription\n\""+text+
			"\",Pull,a,200\n")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if u := uses(t, l); len(u) != 1 || !u[0].First.Equal(want) {
			t.Errorf("%s: %+v", text, u)
		}
	}
}

// TestRead_refused: files that are no log.
func TestRead_refused(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":         {"", "it is empty"},
		"blank":         {" \n\t\n", "it is empty"},
		"a secret":      {"PASSWORD=hunter2\n", `it is no log of a registry that acrkit reads`},
		"a scope map":   {"# c\nrepositories/a/content/read\n", "it is a scope map"},
		"one as a list": {`["repositories/a/content/read"]`, "it is a scope map"},
		"one of az": {"{\n  \"actions\": [\"repositories/a/content/read\"],\n  \"name\": \"x\"\n}\n",
			"it is a scope map"},
		"of ARM": {`{"properties":{"actions":["repositories/a/content/read"]}}`, "it is a scope map"},
		"CNCF distribution": {`{"go.version":"go1.22","level":"info","http.request.method":"GET"}` + "\n",
			"it is no log"},
		"Harbor, CSV": {"id,username,repository,tag,op_time\n1,a,b,c,d\n", "it is no log"},
		"of another service": {replaceOnce(t, recorded, "ContainerRegistryRepositoryEvents", "AuditEvent"),
			`it is no log of a registry that acrkit reads: a recording`},
		"half a line": {recorded[:90], "no line of it can be read; line 1: it ends before the JSON does"},
		"UTF-16":      {"\xff\xfe{\x00", "(perhaps from PowerShell's >); save it as UTF-8"},
		"gzip":        {"\x1f\x8b\x08\x00", "it is compressed: gzip -dc FILE | acrkit scope-map suggest -"},
		"zip":         {"PK\x03\x04\x14", "it is a zip file"},
		"Avro":        {"Obj\x01\x04", "it is Avro"},
		"another version": {strings.Replace(recordingText, "recording 1", "recording 2", 1),
			"of version 2 is not read"},
	} {
		_, err := readAll(t, Choice{}, 0, tt.text)
		if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: the file is quoted: %v", name, err)
		}
	}
	l := New(Choice{})
	defer l.Close()
	for _, path := range []string{t.TempDir(), "no-such-file"} {
		if err := l.Read(path, nil); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Error(path, err)
		}
	}
	if err := l.Read("-", strings.NewReader(login)); err != nil {
		t.Error(err)
	}
}

// TestRead_broken: broken lines are named with their number, in every form, and the rest counts.
func TestRead_broken(t *testing.T) {
	good := func(n int) string {
		return fmt.Sprintf(
			`{"TimeGenerated":"2026-01-0%dT00:00:00Z","OperationName":"Pull","Repository":"a","ResultDescription":"200"}`,
			n)
	}
	bad := `{"TimeGenerated":"2026-01-01T00:00:00Z","OperationName":"Pull","Repository":"a","ResultDescription":"?"}`
	for name, tt := range map[string]struct {
		text  string
		uses  int64
		lines []int
	}{
		"lines":                        {good(1) + "\n\n" + bad + "\nnonsense\n" + good(2), 2, []int{3, 4}},
		"the first is cut":             {good(1)[30:] + "\n" + good(1) + "\n" + good(2) + "\n", 0, nil},
		"the begin of the first":       {good(1)[:30] + "\n" + good(1) + "\n" + good(2) + "\n", 2, []int{1}},
		"the last is cut":              {good(1) + "\n" + good(2)[:40], 1, []int{2}},
		"a list":                       {"[\n" + good(1) + ",\n" + bad + ",\n" + good(2) + "\n]\n", 2, []int{3}},
		"a list that is cut":           {"[\n" + good(1) + ",\n" + good(2)[:40], 1, []int{3}},
		"a list without its end":       {"[\n" + good(1) + ",\n" + good(2) + "\n", 2, []int{4}},
		"a list that is broken within": {"[\n" + good(1) + ",\n{x},\n" + good(2) + "]", 2, []int{3}},
		"an event hub":                 {`{"records":[` + good(1) + "," + bad + "," + good(2) + "]}\n", 2, []int{1}},
		"an event hub's lines": {`{"records":[` + good(1) + "]}\n" + `{"records":[` + bad + "," + good(2) + "]}\n", 2,
			[]int{2}},
		"the API": {`{"tables":[{"columns":[{"name":"TimeGenerated"},{"name":"OperationName"},{"name":"Repository"},` +
			`{"name":"ResultDescription"}],"rows":[["2026-01-01T00:00:00Z","Pull","a"],` +
			`["2026-01-01T00:00:00Z","Pull","a","200"]]}]}` + "\n", 1, []int{1}},
		"CSV": {"TimeGenerated,OperationName,Repository,ResultDescription\n2026-01-01T00:00:00Z,Pull,a,200\n" +
			"2026-01-01T00:00:00Z,Pull\n2026-01-01T00:00:00Z,Pu\"ll,a,200\n2026-01-01T00:00:00Z,Pull,a,200\n2026-01-0",
			2, []int{3, 4, 6}},
		"many": {good(1) + strings.Repeat("\nx", 7), 1, []int{2, 3, 4, 5, 6}},
		"a recording": {recordingText + "repositories/b/content/read\n# used x times\n" +
			"# used 0 times, first a, last b\n" +
			"# used 1 times, first 2026-01-01T00:00:02Z, last 2026-01-01T00:00:02Z\nrepositories/b/*/content/read\n",
			3, []int{7, 9, 11}},
	} {
		l, err := readAll(t, Choice{}, 0, tt.text)
		if tt.lines == nil {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []int
		for _, b := range l.Sources[0].Errors {
			got = append(got, b.Line)
		}
		if diff := cmp.Diff(tt.lines, got); diff != "" || l.Used() != tt.uses {
			t.Errorf("%s: %d uses, want %d; lines %s\n%q", name, l.Used(), tt.uses, diff, l.Missing())
		}
		if name == "many" && (l.Sources[0].Broken != 7 || !strings.Contains(l.Missing()[5], "a: 2 more lines")) {
			t.Errorf("%q", l.Missing())
		}
	}
}

// TestRead_part: an answer of Azure that is not whole.
func TestRead_part(t *testing.T) {
	api := func(e string) string {
		return `{"tables":[{"columns":[{"name":"TimeGenerated"},{"name":"OperationName"},{"name":"Repository"},` +
			`{"name":"ResultDescription"}],"rows":[["2026-01-01T00:00:00Z","Pull","a","200"]]}]` + e + `}`
	}
	rows := func(n int) string {
		return "TimeGenerated,OperationName,Repository,ResultDescription\n" +
			strings.Repeat("2026-01-01T00:00:00Z,Pull,a,200\n", n)
	}
	list := func(n int) string {
		one := `{"TimeGenerated":"2026-01-01T00:00:00Z","OperationName":"Pull","Repository":"a","ResultDescription":"200"}`
		return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]"
	}
	partial := `,"error":{"message":"M","code":"PartialError"}`
	const says, most = `a: Azure Monitor says that these are not all rows: "PartialError"; let`, "rows, the most that Azure"
	for text, want := range map[string]string{
		api(""):             "",
		api("") + "\n":      "",
		api(partial):        says,
		api(partial) + "\n": says,
		strings.ReplaceAll(api(partial), ",", ",\n"):                             says,
		strings.Replace(api(""), "{", "{"+strings.TrimLeft(partial, ",")+",", 1): says,
		rows(9_999):  "",
		rows(10_000): "a: it has 10000 " + most,
		rows(30_000): "a: it has 30000 " + most,
		list(9_999):  "",
		list(10_000): "a: it has 10000 " + most,
	} {
		l, err := readAll(t, Choice{}, 0, text)
		missing := strings.Join(l.Missing(), "\n")
		if err != nil || (want == "") != (missing == "") || !strings.HasPrefix(missing, want) ||
			l.Cut() != (want != "") || l.Lines() < 1 {
			t.Errorf("%.300s: %v, %q, want %q", text, err, missing, want)
		}
	}
}

// TestRead_nameless: a line without a column for the identity may be of the one that is chosen.
func TestRead_nameless(t *testing.T) {
	const row = `{"TimeGenerated":"2026-01-01T00:00:00Z","OperationName":"Pull","Repository":"a",` +
		`"ResultDescription":"200"}`
	with := func(identity string) string { return strings.TrimSuffix(row, "}") + `,"Identity":` + identity + "}" }
	ci := Choice{Identities: []string{"ci"}}
	nameless := func(n int) string {
		return fmt.Sprintf(`a: lines without a column Identity, which may be of "ci": %d`, n)
	}
	for name, tt := range map[string]struct {
		choice          Choice
		text            string
		lines, nameless int64
		want            string
	}{
		"not chosen":     {ci, row + "\n" + with(`"ci"`), 1, 0, nameless(1)},
		"no identity":    {ci, with("null") + "\n" + with(`"ci"`), 1, 0, ""},
		"refused":        {ci, replaceOnce(t, row, "200", "401") + "\n" + with(`"ci"`), 1, 0, ""},
		"none is chosen": {Choice{}, row, 1, 1, ""},
		"those without":  {Choice{Identities: []string{""}}, row + "\n" + with(`"ci"`), 1, 1, ""},
		"CSV, not chosen": {ci, "TimeGenerated,OperationName,Repository,ResultDescription\n" +
			"2026-01-01T00:00:00Z,Pull,a,200\n", 0, 0, nameless(1)},
	} {
		l, _ := readAll(t, tt.choice, 0, tt.text)
		missing := strings.Join(l.Missing(), "\n")
		if l.Lines() != tt.lines || l.Nameless() != tt.nameless || l.Placeless() != tt.lines ||
			!strings.HasPrefix(missing, tt.want) ||
			(tt.want == "") != (missing == "") || l.Cut() != (tt.want != "") {
			t.Errorf("%s: %d lines, %d without; %q", name, l.Lines(), l.Nameless(), missing)
		}
	}
}

// TestRead_logins: a query that counts the lines of both tables.
func TestRead_logins(t *testing.T) {
	const counted = `{"OperationName":%q,"Repository":%q,"ResultDescription":"200","Identity":"ci","count_":3,` +
		`"min_TimeGenerated":"2026-01-01T00:00:00Z","max_TimeGenerated":"2026-01-01T00:00:00Z"%s}` + "\n"
	for text, kinds := range map[string][]Kind{
		fmt.Sprintf(counted, "Login", "", ""):                                         {LoginEvents},
		fmt.Sprintf(counted, "Login", "", `,"Type":"ContainerRegistryLoginEvents"`):   {LoginEvents},
		fmt.Sprintf(counted, "Login", "", "") + fmt.Sprintf(counted, "Pull", "a", ""): {LoginEvents, Rows},
	} {
		l, err := readAll(t, Choice{}, 0, text)
		if err != nil || len(l.Missing()) > 0 || l.Lines() != int64(3*len(kinds)) || cmp.Diff(kinds, l.Kinds()) != "" {
			t.Errorf("%s: %v, %q, %d lines, %v", text, err, l.Missing(), l.Lines(), l.Kinds())
		}
		if shown := l.Shows(scopemap.Rule{Pattern: "b", Action: acrkit.ContentWrite}); shown != (len(kinds) == 2) {
			t.Errorf("%s: %v", text, shown)
		}
	}
}

// TestRead_span: a source shows the time from the first to the last line about rights, of any
// identity. Sign-ins and other registries do not count.
func TestRead_span(t *testing.T) {
	row := func(at, operation, repository, server, identity string) string {
		return fmt.Sprintf(`{"TimeGenerated":"2026-01-%sT00:00:00Z","OperationName":%q,"Repository":%q,"LoginServer":`+
			`"%s.azurecr.io","Identity":%q,"ResultDescription":"200","Type":"ContainerRegistry%sEvents"}`+"\n", at,
			operation, repository, server, identity,
			map[bool]string{true: "Login", false: "Repository"}[repository == ""])
	}
	l, err := readAll(t, Choice{Registry: "one", Identities: []string{"ci"}}, 0, row("01", "Login", "", "one", "ci")+
		row("03", "Pull", "a", "one", "other")+row("04", "Pull", "a", "one", "ci")+
		row("05", "Pull", "a", "one", "other")+row("07", "Login", "", "one", "ci")+row("09", "Pull", "a", "two", "ci"),
		replaceOnce(t, recordingText, "myregistry", "one"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, minute int) time.Time { return time.Date(2026, 1, day, 0, minute, 0, 0, time.UTC) }
	for i, want := range [][2]time.Time{{at(3, 0), at(5, 0)}, {at(1, 0), at(1, 5)}} {
		if s := l.Sources[i]; !s.From.Equal(want[0]) || !s.To.Equal(want[1]) {
			t.Errorf("%d: %v to %v", i, s.From, s.To)
		}
	}
}

// TestRead_other: a log with the lines of other services is whole without them.
func TestRead_other(t *testing.T) {
	vault := replaceOnce(t, recorded, "ContainerRegistryRepositoryEvents", "AuditEvent")
	hub := "{\"records\":[" + vault + "," + recorded + "," + vault + "]}"
	for _, text := range []string{vault + "\n" + recorded + "\n" + vault,
		"[" + vault + ",\n" + recorded + "," + vault + "]",
		hub, hub + "\n"} {
		l, err := readAll(t, Choice{}, 0, text)
		if err != nil || l.Lines() != 1 || len(l.Missing()) > 0 || l.Sources[0].Other != 2 ||
			l.Sources[0].OtherTable != "AuditEvent" {
			t.Errorf("%s: %v, %+v", text, err, l.Sources)
		}
		if l.Placeless() != 0 {
			t.Errorf("%s: %d lines without a registry", text, l.Placeless())
		}
	}
}

// TestRecorder: a recording is read as what was added.
func TestRecorder(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 5, time.UTC)
	r := Recorder{Host: "myregistry.azurecr.io", Start: start}
	for i, text := range []string{"repository:a:pull", "repository:a:pull,push", "registry:catalog:*",
		"repository:a:pull"} {
		s, err := acrkit.ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		r.Add(s, start.Add(time.Duration(i)*time.Minute))
	}
	l, err := readAll(t, Choice{Registry: "MyRegistry", Identities: []string{"other"}}, 0, r.Text(start.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	at := func(minutes int) time.Time {
		return start.Truncate(time.Second).Add(time.Duration(minutes) * time.Minute)
	}
	rule := func(line string) scopemap.Rule {
		r, err := scopemap.ParseRule(line)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := []scopemap.Use{
		{Rule: rule("repositories/*/metadata/read"), First: at(2), Last: at(2), Count: 1, Sources: []string{"a"}},
		{Rule: rule("repositories/a/content/read"), First: at(0), Last: at(3), Count: 3, Sources: []string{"a"}},
		{Rule: rule("repositories/a/content/write"), First: at(1), Last: at(1), Count: 1, Sources: []string{"a"}},
	}
	if diff := cmp.Diff(want, uses(t, l), equalRule); diff != "" {
		t.Error(diff)
	}
	empty, err := readAll(t, Choice{}, 0, (&Recorder{Host: "localhost:5443", Start: start}).Text(start))
	if err != nil || empty.Lines() != 0 || empty.Registry() != "" {
		t.Errorf("%v, %d lines", err, empty.Lines())
	}
}

// TestCheck: which lines are chosen, and what is left to choose.
func TestCheck(t *testing.T) {
	row := func(server, identity string) string {
		return fmt.Sprintf(`{"TimeGenerated":"2026-01-01T00:00:00Z","OperationName":"Pull","Repository":"a",`+
			`"ResultDescription":"200","LoginServer":%q,"Identity":%q}`+"\n", server, identity)
	}
	const one, two = "one.azurecr.io", "two.azurecr.io"
	for name, tt := range map[string]struct {
		choice Choice
		text   string
		lines  int64
		code   acrkit.Code
		want   string
	}{
		"one of each": {Choice{}, row(one, "a") + row(one, "a"), 2, "", ""},
		"two identities": {Choice{}, row(one, "a") + row(one, "b") + row(one, "b"), 3, acrkit.CodeUsage,
			`several identities: "b" (lines: 2), "a" (lines: 1); choose with --identity`},
		"one with none": {Choice{}, row(one, "a") + row(one, ""), 2, acrkit.CodeUsage, `"" (lines: 1)`},
		"one chosen":    {Choice{Identities: []string{"B"}}, row(one, "a") + row(one, "b"), 1, "", ""},
		"both chosen":   {Choice{Identities: []string{"a", "b"}}, row(one, "a") + row(one, "b"), 2, "", ""},
		"none chosen":   {Choice{Identities: []string{""}}, row(one, "a") + row(one, ""), 1, "", ""},
		"one that is not there": {Choice{Identities: []string{"c"}}, row(one, "a"), 0, acrkit.CodeNotFound,
			`no line is of "c"; there are "a" (lines: 1)`},
		"two registries":      {Choice{}, row(one, "a") + row(two, "a"), 2, acrkit.CodeUsage, "several registries"},
		"one registry chosen": {Choice{Registry: "ONE"}, row(one, "a") + row(two, "a"), 1, "", ""},
		"another registry's log": {Choice{Registry: "one"}, row(two, "a"), 0, acrkit.CodeUsage,
			`no line is of the registry "one"; they are of "two"`},
		"a registry of no name": {Choice{Registry: "one"}, row("localhost:5443", "a"), 1, "", ""},
	} {
		l, err := readAll(t, tt.choice, 0, tt.text)
		if l.Lines() != tt.lines || acrkit.CodeOf(err) != tt.code ||
			!strings.Contains(fmt.Sprint(err), tt.want) && tt.want != "" {
			t.Errorf("%s: %d lines, %v; want %d, %s %q", name, l.Lines(), err, tt.lines, tt.code, tt.want)
		}
	}
}

// TestShows: a source shows what it is documented to show, if it has lines at all, and nothing of
// a repository about which it has an operation that is not known.
func TestShows(t *testing.T) {
	events := replaceOnce(t, recorded, `"user@example.com"`, `"ci"`)
	strange := replaceOnce(t, events, `"Pull"`, `"Frobnicate"`)
	other := replaceOnce(t, login, "myregistry", "example")
	one := Choice{Registry: "myregistry"}
	for name, tt := range map[string]struct {
		choice Choice
		texts  []string
		shown  string
	}{
		"events": {Choice{}, []string{events}, "content/read content/write content/delete"},
		"a push": {Choice{}, []string{replaceOnce(t, events, `"Pull"`, `"Push"`)}, "content/write content/delete"},
		"a push and a recording": {Choice{}, []string{replaceOnce(t, events, `"Pull"`, `"Push"`),
			replaceOnce(t, recordingText, "myregistry", "example")},
			"content/write content/delete metadata/read metadata/write"},
		"sign-ins":                           {Choice{}, []string{login}, ""},
		"sign-ins, events of another":        {one, []string{login + "\n" + events}, ""},
		"sign-ins, events of another before": {one, []string{events + "\n" + login}, ""},
		"decisions":                          {Choice{}, []string{decision}, allShown},
		"a recording":                        {Choice{}, []string{recordingText}, allShown},
		"a recording that is cut between lines": {Choice{},
			[]string{strings.TrimSuffix(recordingText, "# end of the recording\n")}, ""},
		"a recording that is cut, and one": {Choice{},
			[]string{strings.TrimSuffix(recordingText, "# end of the recording\n") + recordingText}, ""},
		"a recording without a line": {Choice{},
			[]string{replaceOnce(t, recordingText, "repositories/*/metadata/read\n", "")}, ""},
		"two recordings": {Choice{}, []string{recordingText + recordingText}, allShown},
		"a recording of nothing": {Choice{},
			[]string{strings.SplitAfter(recordingText, "\n")[0] + "# end of the recording\n", login},
			""},
		"an empty list and a login": {Choice{}, []string{other, "[]"}, ""},
		"half a line":               {Choice{}, []string{events + "\n" + events[:90]}, ""},
		"half a line of a recording, and a log": {Choice{},
			[]string{recordingText[:strings.LastIndex(recordingText, "ead\n")],
				replaceOnce(t, events, "example", "myregistry")}, ""},
		"an operation": {Choice{}, []string{events + "\n" + strange}, ""},
	} {
		l, err := readAll(t, tt.choice, 0, tt.texts...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []string
		for _, a := range acrkit.Actions() {
			for _, p := range []scopemap.Pattern{"tipster-service", scopemap.Root} {
				if shown := l.Shows(scopemap.Rule{Pattern: p, Action: a}); shown != (p == scopemap.Root) &&
					shown != strings.Contains(tt.shown, a.String()) {
					t.Errorf("%s: %s on %s: %v", name, a, p, shown)
				}
			}
			if l.Shows(scopemap.Rule{Pattern: "tipster-service", Action: a}) {
				got = append(got, a.String())
			}
		}
		if text := strings.Join(got, " "); text != tt.shown {
			t.Errorf("%s: %q, want %q", name, text, tt.shown)
		}
		if name == "an operation" && (!strings.Contains(strings.Join(l.Missing(), ""), `the operation "Frobnicate"`) ||
			!l.Shows(scopemap.Rule{Pattern: "other", Action: acrkit.ContentRead})) {
			t.Errorf("%q", l.Missing())
		}
	}
}

// TestLimits: a line, a value and a row of the longest size are read, longer ones are broken, and
// the number of names that are remembered ends.
func TestLimits(t *testing.T) {
	pad := func(n int) string { return strings.Repeat(" ", n) }
	long := func(n int) string { return strings.Replace(login, `"ci"`, `"ci"`+pad(n-len(login)), 1) }
	const longest = 1 << 20
	for _, tt := range []struct {
		form string
		n    int
		want int64
	}{
		{"%[2]s\n%[1]s\n", longest - 1, 1}, // with its line break
		{"%[2]s\n%[1]s\n", longest, 0},
		{"[%[1]s,%[2]s]", longest, 1},
		{"[%[2]s,%[1]s]", longest + 1, 0},
	} {
		l, err := readAll(t, Choice{Registry: "myregistry"}, 0, fmt.Sprintf(tt.form, long(tt.n), recorded))
		if l.Lines() != tt.want {
			t.Errorf("%s, %d bytes: %d lines, want %d: %v", tt.form, tt.n, l.Lines(), tt.want, err)
		}
	}
	header := "TimeGenerated,OperationName,Repository,ResultDescription,Tag\n2026-01-01T00:00:00Z,Pull,a,200,"
	for n, want := range map[int]int64{1000: 2, 2 * longest: 0} {
		l, err := readAll(t, Choice{}, 0, header+strings.Repeat("a", n)+"\n2026-01-01T00:00:00Z,Pull,a,200,\n")
		long := strings.Contains(fmt.Sprint(err), "a row that is longer than 1048576 bytes")
		if l.Lines() != want || long != (want == 0) {
			t.Errorf("%d bytes in a row: %d lines, want %d; %v", n, l.Lines(), want, err)
		}
	}
	var many strings.Builder
	const names = 10_000
	for i := range names + 1 {
		fmt.Fprintf(&many,
			`{"TimeGenerated":"2026-01-01T00:00:00Z","OperationName":"Frob","Repository":"a%d","ResultDescription":"200"}`+"\n", i)
	}
	text := many.String()
	l, err := readAll(t, Choice{}, 0, text[:strings.LastIndex(strings.TrimSpace(text), "\n")])
	if err != nil || len(l.unclear) != names || l.many ||
		l.Shows(scopemap.Rule{Pattern: "a5", Action: acrkit.ContentRead}) {
		t.Errorf("%d names, %v", len(l.unclear), err)
	}
	if l, err = readAll(t, Choice{}, 0, text); err != nil || len(l.unclear) != names || !l.many {
		t.Errorf("%d names, %v", len(l.unclear), err)
	}
	sources := make([]string, 64+1)
	for i := range sources {
		sources[i] = login
	}
	if _, err := readAll(t, Choice{}, 0, sources[:64]...); err != nil {
		t.Error(err)
	}
	if _, err := readAll(t, Choice{}, 0, sources...); acrkit.CodeOf(err) != acrkit.CodeTooLarge {
		t.Error(err)
	}
}

// FuzzObject: a text is read exactly if encoding/json reads it as an object, and with the same
// keys and values.
func FuzzObject(f *testing.F) {
	for _, text := range []string{recorded, decision, login, `{}`, `{"a":[1,-2.5e+3,{"b":null}],"c":"\u00e9\\\""}`,
		`{"a":01}`,
		`{"a" : true }`, `[{}]`, `{"a":"` + "\x01" + `"}`, `{"a":1,}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := map[string]string{}
		depth := 0
		err := object(b, func(key, value []byte) error {
			var k string
			if json.Unmarshal(fmt.Appendf(nil, "%s", value), new(any)) != nil {
				t.Fatalf("%q is no JSON", value)
			}
			k = string(key)
			got[k] = string(value)
			return nil
		})
		for _, c := range b {
			if c == '[' || c == '{' {
				depth++
			}
		}
		var want map[string]json.RawMessage
		jsonErr := json.Unmarshal(b, &want)
		if jsonErr == nil && want == nil { // null
			return
		}
		if (err == nil) != (jsonErr == nil) && depth <= maxDepth {
			t.Fatalf("%q: %v, encoding/json: %v", b, err, jsonErr)
		}
		if err != nil || jsonErr != nil {
			return
		}
		for k, v := range want {
			if value, ok := got[k]; strings.Contains(k, "\ufffd") || ok && value == string(v) {
				continue
			}
			t.Fatalf("%q: %q is %q, want %q", b, k, got[k], v)
		}
	})
}

// FuzzRead: any text is read, or is an error, and what is used is the right of a scope map on a
// name that is one; the text with a line of a log before it is still a log, and loses no use.
func FuzzRead(f *testing.F) {
	for _, text := range forms([]line{{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), string(RepositoryEvents), "Push",
		"a/b",
		"ci", "200"}}) {
		f.Add(text)
	}
	for _, text := range []string{recorded, decision, login, recordingText, "[", "[{]", `{"records":[{}]}`,
		`{"tables":[{"rows":[[]]}]}`,
		"operation,count,first,last,repository\nPull,5,2026-01-01,2026-01-02,a\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := New(Choice{Identities: []string{"", "ci", "user@example.com"}})
		defer l.Close()
		err := l.Read("-", strings.NewReader(text))
		var n int64
		for _, u := range uses(t, l) {
			if _, err := scopemap.ParseRule(u.Rule.String()); err != nil || u.Count+u.Failed < 1 ||
				u.Last.Before(u.First) || u.Rule.Pattern.IsWildcard() && u.Rule.Pattern != scopemap.Root {
				t.Fatalf("%+v: %v", u, err)
			}
			n += u.Count
		}
		if err == nil && (l.Used() > 0) != (n > 0) {
			t.Fatalf("%d uses, %d of them of rights", l.Used(), n)
		}
		if rest := strings.TrimLeft(text, " \t\r\n"); strings.HasPrefix(rest, "{") && isLines([]byte(rest)) {
			more := New(Choice{Identities: []string{"", "ci", "user@example.com"}})
			defer more.Close()
			if err := more.Read("-", strings.NewReader(decision+"\n"+rest)); err != nil {
				t.Fatalf("with a line of a log: %v", err)
			}
			if more.Used() != l.Used()+1 && l.fails() {
				t.Fatalf("%d uses, and %d with one more line", l.Used(), more.Used())
			}
		}
	})
}

// fails is whether lines and not documents were read: then a line more changes nothing else.
func (l *Log) fails() bool { return len(l.Sources) > 0 && l.Sources[0].Broken == 0 }
