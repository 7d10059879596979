package sentence

// The fixes of the commands for tokens and scope maps.
const (
	ShowTokens      FixKey = "show_tokens"       // no such token
	ShowScopeMaps   FixKey = "show_scope_maps"   // no such scope map, or one that cannot be changed
	ViewToken       FixKey = "view_token"        // what is there
	ViewScopeMap    FixKey = "view_scope_map"    // likewise
	DeleteScopeMap  FixKey = "delete_scope_map"  // the token that used it is deleted, and it is not
	RemoveMade      FixKey = "remove_made"       // a token and its scope map that were made in vain
	RemoveMadeToken FixKey = "remove_made_token" // likewise, of a scope map that was there
	RemoveMadeMap   FixKey = "remove_made_map"   // a scope map that was made in vain
)

var fixesOfTokens = map[FixKey]string{ //nolint:gosec // commands, no secrets
	ShowTokens:      "acrkit token list {host}",
	ShowScopeMaps:   "acrkit scope-map list {host}",
	ViewToken:       "acrkit token view {host}/{token}",
	ViewScopeMap:    "acrkit scope-map view {host}/{scope_map}",
	DeleteScopeMap:  "acrkit scope-map delete {host}/{scope_map}",
	RemoveMade:      "acrkit token delete {host}/{token} --with-scope-map    # and create it again",
	RemoveMadeToken: "acrkit token delete {host}/{token}    # and create it again",
	RemoveMadeMap:   "acrkit scope-map delete {host}/{scope_map}    # and create the token again",
}
