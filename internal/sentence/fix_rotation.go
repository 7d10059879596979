package sentence

// The fixes of rotating passwords and of the places to which they are delivered.
const (
	ExplainSinks     FixKey = "explain_sinks"      // the text of a sink is malformed
	MakeFolder       FixKey = "make_folder"        // a file's folder is missing
	MoveContentAside FixKey = "move_content_aside" // a file has something else than a password
	RotateSlot       FixKey = "rotate_slot"        // it cannot be known which slot the sinks hold
	RotateAgain      FixKey = "rotate_again"       // a rotation was cut off
	FinishRotation   FixKey = "finish_rotation"    // the old password is not removed yet
	ReplaceStale     FixKey = "replace_stale"      // a sink's password is not accepted
)

var fixesOfRotation = map[FixKey]string{
	ExplainSinks:     "acrkit token rotate --help",
	MakeFolder:       "mkdir -p -m 700 {dir}",
	MoveContentAside: "mv {file} {aside}",
	RotateSlot: "acrkit token rotate {token} --slot SLOT    # the same command, with the slot that no sink holds: " +
		"its password stops working",
	RotateAgain:    "acrkit token rotate {token}    # the same command again: it goes on",
	FinishRotation: "acrkit token rotate {token} --finish    # with the same sinks",
	ReplaceStale:   "the same command with --yes    # if the sink is this token's",
}
