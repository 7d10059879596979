"""Lists the repositories of a registry, and says what is wrong where it cannot.

    ACR_NAME=myregistry AZURE_TENANT_ID=... AZURE_CLIENT_ID=... AZURE_CLIENT_SECRET=... python answer.py

ACR_NAME is the registry's name or its login server. The service principal needs the
role AcrPull. Without any AZURE_* of the three, a managed identity signs in, or what
else DefaultAzureCredential finds.
"""

import os
import re
import sys

from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError
from azure.identity import ClientSecretCredential, DefaultAzureCredential

REASONS = {
    "AADSTS7000215": "AZURE_CLIENT_SECRET is wrong: it takes the secret's value, not its id",
    "AADSTS7000222": "the secret in AZURE_CLIENT_SECRET has expired",
    "AADSTS700016": "the tenant has no application with the id in AZURE_CLIENT_ID",
    "AADSTS90002": "there is no tenant with the id in AZURE_TENANT_ID",
    "Unable to get authority configuration": "there is no tenant with the id in AZURE_TENANT_ID",
}


def login_server():
    name = os.environ.get("ACR_NAME", "")
    host = name if re.search(r"[.:]", name) else name + ".azurecr.io"
    # The token goes to this host. localhost is a proxy or an emulator.
    if not re.fullmatch(r"[a-zA-Z0-9-]{5,}\.azurecr\.(io|cn|us)|localhost:\d+", host):
        sys.exit(f'ACR_NAME is "{name}", which names no registry: myregistry or myregistry.azurecr.io')
    return host


def sign_in():
    names = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]
    missing = [name for name in names if not os.environ.get(name)]
    if missing == names:
        return DefaultAzureCredential()
    if missing:
        sys.exit(f"{' and '.join(missing)} must be set, too")
    return ClientSecretCredential(
        *(os.environ[name] for name in names),
        # Microsoft vouches for its own authorities only.
        disable_instance_discovery="AZURE_AUTHORITY_HOST" in os.environ,
    )


def reason(error, host):
    for sign, text in REASONS.items():
        if sign in str(error):
            return text
    if isinstance(error, ServiceRequestError):
        return f"{host} cannot be reached; is ACR_NAME right? {error}"
    if isinstance(error, HttpResponseError) and error.status_code in (401, 403):
        return f"the identity may not list the repositories of {host}: it needs the role AcrPull there"
    return str(error)


host, credential = login_server(), sign_in()
try:
    with ContainerRegistryClient(f"https://{host}", credential) as client:
        for name in client.list_repository_names():
            print("repository:", name)
except AzureError as error:
    sys.exit(reason(error, host))
