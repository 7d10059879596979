"""One job with Microsoft's client: job.py repositories | tags|delete-tag|blob REPOSITORY [TAG]."""

import io
import os
import sys

from acrkit import scoped_token
from azure.containerregistry import ContainerRegistryClient

job, *rest = sys.argv[1:]
acr = scoped_token(os.environ["ACR_NAME"], os.environ["ACR_TOKEN_NAME"], os.environ["ACR_TOKEN_PASSWORD"])
with ContainerRegistryClient(**acr) as client:
    if job == "repositories":
        for name in client.list_repository_names():
            print(name)
    elif job == "tags":
        for tag in client.list_tag_properties(rest[0]):
            print(tag.name)
    elif job == "delete-tag":
        client.delete_tag(rest[0], rest[1])
    elif job == "blob":
        report = bytes(100_000)
        digest, _ = client.upload_blob(rest[0], io.BytesIO(report))
        if b"".join(client.download_blob(rest[0], digest)) != report:
            sys.exit("the blob came back changed")
        print("the same")
