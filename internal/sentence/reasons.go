package sentence

// The sentences that the packages of other languages do not have.
const (
	TokenDamaged Key = "token_damaged" // it refused a token that is not whole
)

var reasons = map[Key]Sentence{
	TokenDamaged: {"the ACR refresh token was cut off or changed in copying: {damage}{said}",
		"get it again, and copy it whole: it is one line without a blank"},
}
