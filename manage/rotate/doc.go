// Package rotate gives a scope-mapped token a new password without an outage: it generates
// the password in the slot that no sink holds, waits until a login with it is accepted,
// delivers it to every sink, checks each, and only then removes the old password.
//
// A rotation that was cut off at any point is completed by the next one. What is known is
// read from Azure Resource Manager (when each password was created) and from the sinks; a
// [Journal] only helps, and holds no secret. What cannot be known is refused.
package rotate
