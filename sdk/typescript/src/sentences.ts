// Written by sentences.mjs from testdata/vectors/sentences.json.
export const sentences = {
  access_not_accepted: {
    text: "the registry did not accept the access token of the {who}",
    fix: "to find the cause, give this text to: acrkit explain",
  },
  admin_not_accepted: {
    text: "the {who} and its {password} are not accepted: the password is wrong or was renewed, or the admin user is disabled{said}",
    fix: "see whether it is enabled: az acr show --name {name} --query adminUserEnabled",
  },
  catalog: {
    text: "the {who} may not list the repositories of the registry",
    fix: "a scope map opens the list of repositories only with the root wildcard *; name the repositories instead",
  },
  foreign_answer: {
    text: "{host} answers {status}, and no credential goes there: the {who} is for {registry} alone",
    fix: "",
  },
  foreign_realm: {
    text: "the registry's challenge names a token service on another host, {host}; no credential goes there",
    fix: "name the registry by its login server",
  },
  held: {
    text: "the registry refuses {right} although the access token of the {who} holds it",
    fix: "to find the cause, give this text to: acrkit explain",
  },
  missing_action: {
    text: "the {who} does not have {right}",
    fix: "add it to the scope map of {token}: az acr scope-map update --registry {name} --name SCOPE_MAP --add-repository {repository} {actions}",
  },
  missing_actions: {
    text: "the {who} does not have all of {right}",
    fix: "add them to the scope map of {token}: az acr scope-map update --registry {name} --name SCOPE_MAP --add-repository {repository} {actions}",
  },
  missing_some: {
    text: "the {who} has {has} but not {right}",
    fix: "add it to the scope map of {token}: az acr scope-map update --registry {name} --name SCOPE_MAP --add-repository {repository} {actions}",
  },
  missing_unnamed: {
    text: "the {who} lacks a right that the registry does not name",
    fix: "to find the cause, give this text to: acrkit explain",
  },
  no_blob: {
    text: 'the repository "{repository}" has no blob "{reference}"',
    fix: "",
  },
  no_manifest: {
    text: 'the repository "{repository}" has no tag or manifest "{reference}"',
    fix: "",
  },
  no_repository: {
    text: '{registry} has no repository "{repository}"',
    fix: "",
  },
  not_accepted: {
    text: "the {who} and its {password} are not accepted: wrong, expired, disabled or not yet active{said}",
    fix: "see the token's status and its passwords' expiry: az acr token show --registry {name} --name {token}",
  },
  not_found: {
    text: "{registry} has nothing at {path}",
    fix: "",
  },
  other: {
    text: "",
    fix: "to find the cause, give this text to: acrkit explain",
  },
  other_host: {
    text: "{host} is not a login server of Azure Container Registry, and no credential goes there",
    fix: "a login server is NAME.azurecr.io (or .us, .cn)",
  },
  plain_http: {
    text: "plain HTTP to {host} is refused: what it carries can be read and changed on the way",
    fix: "",
  },
  service_refused: {
    text: "the token service answers {status}{said}",
    fix: "to find the cause, give this text to: acrkit explain",
  },
  token_not_accepted: {
    text: "the {who} is not accepted: wrong, expired, or of another registry{said}",
    fix: "",
  },
  unreachable: {
    text: "{host} cannot be reached: {why}",
    fix: "",
  },
} as const;
