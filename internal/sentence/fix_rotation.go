package sentence

// The fixes of rotating passwords and of the places to which they are delivered.
const (
	ExplainSinks     FixKey = "explain_sinks"      // the text of a sink is malformed
	MakeFolder       FixKey = "make_folder"        // a file's folder is missing
	MoveContentAside FixKey = "move_content_aside" // a file has something else than a password
	Rotate           FixKey = "rotate"
	RotateSlot       FixKey = "rotate_slot"   // it cannot be known which slot the sinks hold
	RotateAgain      FixKey = "rotate_again"  // a rotation was cut off
	ReplaceStale     FixKey = "replace_stale" // a sink's password is not accepted
)

var fixesOfRotation = map[FixKey]string{
	ExplainSinks:     "acrkit token rotate --help",
	MakeFolder:       "mkdir -p -m 700 {dir}",
	MoveContentAside: "mv {file} {aside}",
	Rotate:           "acrkit token rotate {token}",
	RotateSlot:       "{command} --slot SLOT    # the slot that no sink holds: its password stops working",
	RotateAgain:      "{command}    # it goes on where it was cut off",
	ReplaceStale:     "{command} --yes    # if the sink is this token's",
}
