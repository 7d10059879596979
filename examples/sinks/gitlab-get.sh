#!/bin/sh
# Prints the variable ACR_PASSWORD of a project, which is the argument, as GROUP%2FNAME.
set -eu
variable=$(glab api "projects/$1/variables/ACR_PASSWORD")
printf %s "$variable" | jq --join-output --exit-status .value
