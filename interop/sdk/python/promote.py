"""Attaches a report to an image, tags the image as approved, and locks that tag.

    acrkit proxy myregistry.azurecr.io -- python promote.py samples/app v1
"""

import io
import json
import os
import sys
import time

from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import AccessToken


class ProxyCredential:
    """Shows the proxy the key that it made for this run."""

    def get_token(self, *scopes, **kwargs):
        return AccessToken(os.environ["ACRKIT_PROXY_KEY"], int(time.time()) + 3600)


with ContainerRegistryClient(os.environ["ACRKIT_PROXY_URL"], ProxyCredential()) as client:
    if len(sys.argv) == 1:  # what is there?
        print(*client.list_repository_names(), sep="\n")
        sys.exit()
    repository, tag = sys.argv[1:]
    approved = tag + "-approved"

    print("tags:", *(t.name for t in client.list_tag_properties(repository)))

    image = client.get_manifest(repository, tag)
    print("manifest:", image.digest)

    report = b"report on " + image.digest.encode() + b"\n" + bytes(5 << 20)  # more than one chunk
    digest, size = client.upload_blob(repository, io.BytesIO(report))
    if b"".join(client.download_blob(repository, digest)) != report:
        sys.exit("the blob came back changed")
    print("blob:", digest, size)

    manifest = io.BytesIO(json.dumps(image.manifest).encode())
    client.set_manifest(repository, manifest, tag=approved, media_type=image.media_type)
    client.update_tag_properties(repository, approved, can_write=False, can_delete=False)
    print("approved:", approved, "writable:", client.get_tag_properties(repository, approved).can_write)
