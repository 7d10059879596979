package sentence

// The fixes of rotating passwords and of the places to which they are delivered.
const (
	ExplainSinks     FixKey = "explain_sinks"      // the text of a sink is malformed
	MakeFolder       FixKey = "make_folder"        // a file's folder is missing
	MoveContentAside FixKey = "move_content_aside" // a file has something else than a password
)

var fixesOfRotation = map[FixKey]string{
	ExplainSinks:     "acrkit token rotate --help",
	MakeFolder:       "mkdir -p -m 700 {dir}",
	MoveContentAside: "mv {file} {aside}",
}
