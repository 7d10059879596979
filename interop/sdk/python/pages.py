"""Lists a repository in pages of two, its tags from the newest and its manifests from the oldest, and counts the tags
of another repository.

    AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... \
        python pages.py https://myregistry.azurecr.io team/app team/other
"""

import os
import sys

from azure.containerregistry import ArtifactManifestOrder, ArtifactTagOrder, ContainerRegistryClient
from azure.identity import ClientSecretCredential

credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"],
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_CLIENT_SECRET"],
    # An authority other than Microsoft's own is not one that Microsoft vouches for.
    disable_instance_discovery="AZURE_AUTHORITY_HOST" in os.environ,
)

endpoint, repository, other = sys.argv[1:4]
with ContainerRegistryClient(endpoint, credential) as client:
    newest = ArtifactTagOrder.LAST_UPDATED_ON_DESCENDING
    for page in client.list_tag_properties(repository, order_by=newest, results_per_page=2).by_page():
        print("tags:", *[tag.name for tag in page])
    oldest = ArtifactManifestOrder.LAST_UPDATED_ON_ASCENDING
    for page in client.list_manifest_properties(repository, order_by=oldest, results_per_page=2).by_page():
        print("manifests:", *[manifest.digest for manifest in page])
    print("other tags:", len(list(client.list_tag_properties(other))))
