// To be copied, where no dependency may be added: it needs Node 20 and @azure/container-registry, whose HTTP layer it
// uses. No access token is kept, so each call costs three requests and sends its body twice; there is no second
// password, no source that is read again, no Entra token, and a refusal does not name the right that is missing.
import * as http from "@azure/core-rest-pipeline";

/** What the SDK's constructors take. The endpoint is a URL: https://myregistry.azurecr.io */
export function scopedToken(endpoint, name, password) {
  const { origin, protocol, host } = new URL(endpoint);
  if (protocol !== "https:" || !name || !password) {
    throw new Error("give the registry's https URL, a token's name, and its password");
  }
  const inner = http.createDefaultHttpClient();
  const refused = (text, request) => new http.RestError(text, { statusCode: 401, request });
  // The SDK's own request never holds the token: it is logged, redirected and sent again. A copy does.
  async function send(original, token, request = original) {
    const headers = http.createHttpHeaders(request.headers.toJSON());
    headers.delete("Authorization");
    if (token !== undefined) {
      headers.set("Authorization", `Bearer ${token}`);
    }
    try {
      return Object.assign(await inner.sendRequest({ ...request, headers }), { request: original });
    } catch (error) {
      const { message, code } = error;
      throw error instanceof http.RestError ? new http.RestError(message, { code, request: original }) : error;
    }
  }

  function askForToken(original, scope) {
    const form = new URLSearchParams({ grant_type: "password", username: name, password, service: host, scope });
    const headers = http.createHttpHeaders({ "Content-Type": "application/x-www-form-urlencoded" });
    const url = `${origin}/oauth2/token`;
    const request = http.createPipelineRequest({ url, method: "POST", headers, body: form.toString() });
    const { abortSignal, agent, tlsSettings, proxySettings } = original;
    Object.assign(request, { timeout: 30_000, abortSignal, agent, tlsSettings, proxySettings });
    return send(original, undefined, request);
  }

  async function sendRequest(request) {
    const response = await send(request);
    if (response.status !== 401) {
      return response;
    }
    const url = new URL(request.url);
    if (url.origin !== origin) {
      throw refused(`${url.host} wants a credential, and gets none`, request);
    }
    // The scope alone is taken from the challenge: the password goes to the registry, whatever that says.
    const scope = /[ ,]scope="([^"]*)"/.exec(response.headers.get("WWW-Authenticate") ?? "")?.[1] ?? "";
    const granted = await askForToken(request, scope);
    if (granted.status === 401) {
      throw refused(`the token ${name} and its password are not accepted`, request);
    }
    const answer = granted.status === 200 ? await send(request, JSON.parse(granted.bodyAsText).access_token) : granted;
    if (answer.status === 401) {
      throw refused(`the token ${name} does not have all of ${scope}`, request);
    }
    return answer;
  }

  const credential = { getToken: () => Promise.reject(new Error("pass acr.options to the client, too")) };
  return { endpoint: origin, credential, options: { httpClient: { sendRequest } } };
}
