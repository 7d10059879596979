"""Signs in to Key Vault, another service than the registry."""

from azure.identity import DefaultAzureCredential

print(DefaultAzureCredential().get_token("https://vault.azure.net/.default").token)
