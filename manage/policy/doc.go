// Package policy rotates the passwords of many tokens by a file that says who owns each,
// where its password is, and how old it may get.
//
// The file is YAML; policy.schema.json describes it for editors. One token's failure does
// not stop the others.
package policy
