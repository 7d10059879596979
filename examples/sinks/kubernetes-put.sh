#!/bin/sh
# Puts the pull secret that it reads from standard input; the Role needs create and patch on
# secrets, and get for kubernetes-get.sh. With --server-side, no annotation keeps
# a second copy of it, as "last-applied-configuration" would.
kubectl create secret generic acr --type kubernetes.io/dockerconfigjson \
  --from-file .dockerconfigjson=/dev/stdin --dry-run=client --output yaml |
  kubectl apply --server-side --force-conflicts --filename -
