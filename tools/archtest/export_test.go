package archtest

// Names for the external tests, which may use acrtest.
var (
	GoTool     = goTool
	BareModule = bareModule
	Compiled   = compiled
)
