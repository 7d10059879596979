#!/bin/sh
# Microsoft's Python SDK against the emulator in a container. One variable seeds it, and
# curl fetches what the SDK trusts.
#
#   pip install azure-containerregistry azure-identity && ./test.sh
set -eu
cd "$(dirname "$0")"
AZURE_CLIENT_SECRET=$(head -c 24 /dev/urandom | base64)
ACRKIT_SEED='
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        secrets: [{valueFrom: {env: AZURE_CLIENT_SECRET}}]
registries:
  - name: myregistry
    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: AcrPull}]
    repositories:
      - {name: samples/app, images: [{tags: [v1, latest]}]}
'
export AZURE_CLIENT_SECRET ACRKIT_SEED

acr=$(docker run --detach --rm --publish 127.0.0.1:5443:5443 --env ACRKIT_SEED --env AZURE_CLIENT_SECRET \
  ghcr.io/acrkit/emulator:0.1.0)
trap 'docker stop "$acr" >/dev/null; rm -f acr.pem' EXIT
curl --fail --silent --retry 50 --retry-delay 1 --retry-all-errors --output acr.pem http://localhost:5443/ca.pem

REQUESTS_CA_BUNDLE=$PWD/acr.pem python3 list_tags.py https://localhost:5443 samples/app
