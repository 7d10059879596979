# To be copied, where no dependency may be added: one token's name and password for Microsoft's ContainerRegistryClient.
# They go to the registry's own host and port only, and are in no log and no exception. No access token is kept, so
# each call costs three requests; there is no second password, no Entra token, no asynchronous client, and a refusal
# does not name the right that is missing.
import copy
import re

from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest


class ScopedTokenTransport(RequestsTransport):
    """ContainerRegistryClient(endpoint, transport=ScopedTokenTransport(endpoint, name, password))"""

    def __init__(self, endpoint, name, password, **kwargs):
        super().__init__(**kwargs)
        match = re.fullmatch(r"https://([A-Za-z0-9.:-]+)/?", endpoint)
        if not match:
            raise ValueError("the endpoint must be https://HOST")
        self._host = match.group(1).lower()
        self._login = lambda: {"username": name, "password": password}  # a function, which no dump shows

    def send(self, request, **kwargs):
        response = self._send_as(request, None, **kwargs)
        if response.status_code == 401 and request.url.lower().startswith(f"https://{self._host}/"):
            scope = re.search(r'Bearer .*scope="([^"]+)"', response.headers.get("WWW-Authenticate", ""))
            if scope:
                form = {"grant_type": "password", "service": self._host, "scope": scope.group(1), **self._login()}
                post = HttpRequest("POST", f"https://{self._host}/oauth2/token", data=form)
                answer = self._send_as(post, None)
                answer.request = request
                if answer.status_code == 429 or answer.status_code >= 500:
                    return answer  # the SDK tries again, after Retry-After
                if answer.status_code != 200:
                    raise ClientAuthenticationError(f"the token service answers {answer.status_code}", answer)
                if hasattr(request.body, "seek"):
                    request.body.seek(0)
                response = self._send_as(request, answer.json()["access_token"], **kwargs)
        if response.status_code == 401:  # raised, so that the SDK does not ask for a token of its own
            response.body()
            raise ClientAuthenticationError("not accepted, or a right is missing", response)
        return response

    def _send_as(self, request, token, **kwargs):
        clone = copy.copy(request)  # the SDK logs its own request
        clone.headers = {k: v for k, v in request.headers.items() if k.lower() != "authorization"}
        if token:
            clone.headers["Authorization"] = f"Bearer {token}"
        try:
            response = super().send(clone, auth=lambda prepared: prepared, **kwargs)  # and nothing of ~/.netrc
        except AzureError as error:
            failure, text = type(error), str(error)
        else:
            response.request = request
            response.internal_response.request.headers.pop("Authorization", None)
            response.internal_response.request.body = None
            return response
        raise failure(text)  # a new one: the other holds what was sent
