import asyncio
import os
import sys

from acrkit.aio import scoped_token
from azure.containerregistry.aio import ContainerRegistryClient


async def main() -> None:
    acr = scoped_token(os.environ["ACR_NAME"], os.environ["ACR_TOKEN_NAME"], os.environ["ACR_TOKEN_PASSWORD"])
    async with ContainerRegistryClient(**acr) as client:
        async for tag in client.list_tag_properties(sys.argv[1]):
            print(tag.name)


asyncio.run(main())
