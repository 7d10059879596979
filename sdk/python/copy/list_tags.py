# Lists the tags of the repository named as its argument. The token needs metadata/read on it.
import os
import sys

from azure.containerregistry import ContainerRegistryClient

from scoped_token import ScopedTokenTransport

endpoint = os.environ["ACR_ENDPOINT"]  # https://myregistry.azurecr.io
transport = ScopedTokenTransport(endpoint, os.environ["ACR_TOKEN_NAME"], os.environ["ACR_TOKEN_PASSWORD"])
with ContainerRegistryClient(endpoint, transport=transport) as client:
    for tag in client.list_tag_properties(sys.argv[1]):
        print(tag.name)
