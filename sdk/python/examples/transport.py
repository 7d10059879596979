# Lists tags over a transport of its own, which trusts one more CA. The token needs metadata/read.
import os
import sys

from acrkit import scoped_token
from azure.containerregistry import ContainerRegistryClient
from azure.core.pipeline.transport import RequestsTransport

acr = scoped_token(
    os.environ["ACR_NAME"],
    os.environ["ACR_TOKEN_NAME"],
    os.environ["ACR_TOKEN_PASSWORD"],
    transport=RequestsTransport(connection_verify=os.environ["CA_FILE"]),
)
with ContainerRegistryClient(**acr) as client:
    for tag in client.list_tag_properties(sys.argv[1]):
        print(tag.name)
