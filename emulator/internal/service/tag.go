package service

import (
	"fmt"
	"unicode/utf8"
)

// Limits on the tags of a resource in Azure Resource Manager. Documented.
const (
	//rule:emulator-limits-tags
	MaxTags = 50
	//rule:emulator-limits-tag-name
	MaxTagName = 512 // characters
	//rule:emulator-limits-tag-value
	MaxTagValue = 256 // characters
)

// CheckTags says what is wrong with the tags of a resource; "" = nothing.
func CheckTags(tags map[string]string) string {
	if len(tags) > MaxTags {
		return fmt.Sprintf("there are more than %d tags", MaxTags)
	}
	for name, value := range tags {
		if name == "" || utf8.RuneCountInString(name) > MaxTagName || utf8.RuneCountInString(value) > MaxTagValue {
			return fmt.Sprintf("the tag %.60q has no name, one of more than %d characters, or a value of more than %d",
				name, MaxTagName, MaxTagValue)
		}
	}
	return ""
}
