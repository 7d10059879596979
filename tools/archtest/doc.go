// Package archtest tests the module's structure: which package may import which, and
// which dependencies an importer gets.
package archtest
