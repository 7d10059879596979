"""One job with Microsoft's client: job.py tags|delete-tag|blob REPOSITORY [TAG]."""

import io
import os
import sys

from acrkit import scoped_token
from azure.containerregistry import ContainerRegistryClient

job, repository, *rest = sys.argv[1:]
acr = scoped_token(os.environ["ACR_NAME"], os.environ["ACR_TOKEN_NAME"], os.environ["ACR_TOKEN_PASSWORD"])
with ContainerRegistryClient(**acr) as client:
    if job == "tags":
        for tag in client.list_tag_properties(repository):
            print(tag.name)
    elif job == "delete-tag":
        client.delete_tag(repository, rest[0])
    elif job == "blob":
        report = bytes(100_000)
        digest, _ = client.upload_blob(repository, io.BytesIO(report))
        if b"".join(client.download_blob(repository, digest)) != report:
            sys.exit("the blob came back changed")
        print("the same")
