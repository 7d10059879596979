package archtest

// What the external tests, which may use acrtest, share with those here.
var (
	GoTool     = goTool
	BareModule = bareModule
	Compiled   = compiled
)
