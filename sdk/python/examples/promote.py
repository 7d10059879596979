# Attaches a report to an image, tags the image as approved, and locks that tag: promote.py samples/app v1
# The token needs content/read, content/write, metadata/read and metadata/write.
import io
import json
import os
import sys

from acrkit import scoped_token
from azure.containerregistry import ContainerRegistryClient

acr = scoped_token(os.environ["ACR_NAME"], os.environ["ACR_TOKEN_NAME"], os.environ["ACR_TOKEN_PASSWORD"])
repository, tag = sys.argv[1:]
approved = tag + "-approved"
with ContainerRegistryClient(**acr) as client:
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
