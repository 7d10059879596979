"""Lists the tags of a repository as a service principal: list_tags.py ENDPOINT REPOSITORY"""

import os
import sys

from azure.containerregistry import ContainerRegistryClient
from azure.identity import ClientSecretCredential

endpoint, repository = sys.argv[1:]
credential = ClientSecretCredential(
    "11111111-1111-1111-1111-111111111111",
    "22222222-2222-2222-2222-222222222222",
    os.environ["AZURE_CLIENT_SECRET"],
    authority=endpoint,  # the emulator is Entra as well
    disable_instance_discovery=True,  # which would ask login.microsoftonline.com about it
)
with ContainerRegistryClient(endpoint, credential, audience="https://containerregistry.azure.net") as client:
    for tag in client.list_tag_properties(repository):
        print(tag.name)
