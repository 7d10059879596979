// Package walk does what a reader of the README and of sdk/*/README.md does: it takes
// an empty folder and runs every block of the page in it, in order and word for word,
// installation included. The registry "myregistry" of the pages is an emulator, which
// the blocks find under its real name by an /etc/hosts of their own.
//
// A comment before a block says what it is where its language does not:
//
//	<!-- file: tags.py -->                the block is written to that file
//	<!-- walk: main -->                   a fragment; it runs inside a program's main function
//	<!-- walk: as ci-push -->             a shell block for another token of the default seed than ci-pull
//	<!-- walk: prints latest -->          a shell block whose output must hold that word
//	<!-- walk: fails, WORDS -->           a shell block that must fail, with those words in its output
//	<!-- walk: not run, REASON -->        the block cannot be run here
//
// Shell blocks without a comment must succeed. Blocks of the language "console" show
// what a command printed; the command alone is run.
//
// It needs the network and root, and takes minutes: go test ./walk -walk, which
// .ci/nightly calls. Without -walk it only reads the pages.
package walk
