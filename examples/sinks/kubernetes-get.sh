#!/bin/sh
# Prints the pull secret, or nothing if there is none. One command: in a pipe, a failure of
# kubectl would look like a secret that is not there.
exec kubectl get secret acr --ignore-not-found \
  --output 'go-template={{index .data ".dockerconfigjson" | base64decode}}'
