import os, sys
from azure.containerregistry import ContainerRegistryClient
from azure.identity import DefaultAzureCredential

client = ContainerRegistryClient(f"https://{os.environ['ACR_NAME']}", DefaultAzureCredential())
for tag in client.list_tag_properties(sys.argv[1]):
    print(tag.name)
