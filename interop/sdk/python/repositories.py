"""Lists the repositories of a registry as a service principal.

    AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... python repositories.py https://myregistry.azurecr.io
"""

import os
import sys

from azure.containerregistry import ContainerRegistryClient
from azure.identity import ClientSecretCredential

credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"],
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_CLIENT_SECRET"],
    # An authority other than Microsoft's own is not one that Microsoft vouches for.
    disable_instance_discovery="AZURE_AUTHORITY_HOST" in os.environ,
)

with ContainerRegistryClient(sys.argv[1], credential) as client:
    for name in client.list_repository_names():
        print("repository:", name)
