import os
import sys

from acrkit import scoped_token_from, secret_file
from azure.containerregistry import ContainerRegistryClient


def source() -> tuple[str, str]:
    return os.environ["ACR_TOKEN_NAME"], secret_file(os.environ["ACR_TOKEN_PASSWORD_FILE"])


with ContainerRegistryClient(**scoped_token_from(os.environ["ACR_NAME"], source)) as client:
    for tag in client.list_tag_properties(sys.argv[1]):
        print(tag.name)
