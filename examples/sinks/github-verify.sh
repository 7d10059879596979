#!/bin/sh
# Has the workflow acr-password.yml of a repository compare its secret with the password on
# standard input, by a hash. The repository is the argument, as OWNER/NAME.
set -eu
sum=$(sha256sum)
url=$(gh workflow run acr-password.yml --repo "$1" --raw-field sum="${sum%% *}")
gh run watch "${url##*/}" --repo "$1" --exit-status --compact
