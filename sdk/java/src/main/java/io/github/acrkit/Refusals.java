package io.github.acrkit;

import com.azure.core.http.HttpRequest;
import java.net.URL;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Turns last answers of one registry into refusals. */
final class Refusals {
    /** The longest body of a refusal that is read, in bytes. */
    static final int MAX_BODY = 64 << 10;

    /** What a shell takes unquoted. */
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]*");

    private static final Pattern PLAIN_WORDS = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_./ -]*");

    private static final Map<String, String> RIGHTS = Map.of(
            "pull", "content/read",
            "push", "content/write",
            "delete", "content/delete",
            "metadata_read", "metadata/read",
            "metadata_write", "metadata/write");

    private final Registry registry;

    Refusals(Registry registry) {
        this.registry = registry;
    }

    /** An element of a registry's list of errors (OCI distribution specification 1.1, "Error Codes"). */
    static final class ServiceError {
        final String code;
        final String message;

        private ServiceError(String code, String message) {
            this.code = code;
            this.message = message;
        }

        static List<ServiceError> read(byte[] body, Collection<String> secrets) {
            List<ServiceError> all = new ArrayList<>();
            for (Object item : Json.list(Json.object(body).get("errors"))) {
                String code = Text.line(Json.text(Json.map(item).get("code")), secrets);
                String message = Text.line(Json.text(Json.map(item).get("message")), secrets);
                if (!code.isEmpty() || !message.isEmpty()) {
                    all.add(new ServiceError(code, message));
                }
            }
            return all;
        }

        /** Returns what the errors say beyond the words that stand in every one. */
        static String said(List<ServiceError> errors) {
            String said = errors.stream()
                    .filter(e -> !e.message.startsWith("authentication required"))
                    .map(e -> e.message.isEmpty() ? e.code : e.message)
                    .collect(Collectors.joining("; "));
            return said.isEmpty() ? "" : "; the registry answered: " + Text.line(said, List.of());
        }
    }

    /** The token service did not accept a credential; what is the "password", or the token in its place. */
    Refusal notAccepted(NamePassword credential, String what, String said) {
        Map<String, String> facts = facts(credential);
        facts.put("said", said);
        if (credential.kind() != Claims.Kind.PASSWORD) {
            return new Refusal("credential_rejected", "token_not_accepted", facts);
        }
        facts.put("password", what);
        return new Refusal("credential_rejected", isAdmin(credential) ? "admin_not_accepted" : "not_accepted", facts);
    }

    /** The token service refused, and not for the credential. */
    Refusal service(int status, String said) {
        String code = status == 403 ? "denied" : "protocol";
        return new Refusal(code, "service_refused", Map.of("status", Integer.toString(status), "said", said));
    }

    /** The registry's challenge names a token service elsewhere. */
    Refusal foreignRealm(String realm) {
        String origin = realm.replaceFirst("^([^/]*//)?([^/?#]*).*$", "$1$2").replaceFirst("//.*@", "//");
        return new Refusal("protocol", "foreign_realm", Map.of("host", Text.line(origin, List.of())));
    }

    /** Another host wants a credential. */
    Refusal foreignAnswer(NamePassword credential, URL url, int status) {
        Map<String, String> facts = new TreeMap<>(Map.of("who", who(credential), "registry", registry.host()));
        facts.putAll(Map.of("host", host(url), "status", Integer.toString(status)));
        return new Refusal("host_refused", "foreign_answer", facts);
    }

    /** Returns why a host is refused as a registry. */
    static String otherHost(Registry host) {
        return new Refusal("host_refused", "other_host", Map.of("host", host.host())).getMessage();
    }

    Refusal plainHttp(URL url) {
        return new Refusal("host_refused", "plain_http", Map.of("host", host(url)));
    }

    String unreachable(URL url, String why) {
        return new Refusal("unavailable", "unreachable", Map.of("host", host(url), "why", why)).getMessage();
    }

    /** The registry did not accept an access token. */
    Refusal accessNotAccepted(NamePassword credential) {
        return new Refusal("credential_rejected", "access_not_accepted", Map.of("who", who(credential)));
    }

    /** The access token lacks a right: granted is what it holds by its own claim, null if it has none. */
    Refusal missing(NamePassword credential, Scope required, Scope granted) {
        Map<String, String> who = Map.of("who", who(credential));
        if (required.isEmpty()) {
            return new Refusal("insufficient_scope", "missing_unnamed", who);
        }
        if (required.toString().equals(Scope.CATALOG.toString())) {
            return new Refusal("insufficient_scope", "catalog", who);
        }
        Map<String, String> facts = facts(credential);
        SortedMap<String, SortedSet<String>> lacks = (granted == null ? required : required.minus(granted)).byName();
        if (lacks.isEmpty()) {
            facts = new TreeMap<>(who);
            facts.put("right", rights(required.byName(), true));
            return new Refusal("insufficient_scope", "held", facts);
        }
        facts.put("right", rights(lacks, true));
        String command = lacks.firstKey() + " " + words(lacks.get(lacks.firstKey()), " ");
        if (lacks.size() == 1 && PLAIN_WORDS.matcher(command).matches()) { // they become a part of a command
            facts.put("repository", lacks.firstKey());
            facts.put("actions", words(lacks.get(lacks.firstKey()), " "));
        }
        if (granted == null) {
            boolean several = required.byName().values().stream()
                            .mapToInt(SortedSet::size)
                            .sum()
                    > 1;
            return new Refusal("insufficient_scope", several ? "missing_actions" : "missing_action", facts);
        }
        SortedMap<String, SortedSet<String>> has =
                granted.onResourcesOf(required).byName();
        if (has.isEmpty()) { // that there is no other right is not proved, none was asked for
            return new Refusal("insufficient_scope", "missing_action", facts);
        }
        boolean same = has.size() == 1 && lacks.keySet().equals(has.keySet());
        facts.put("has", rights(has, !same));
        return new Refusal("insufficient_scope", "missing_some", facts);
    }

    private static String rights(SortedMap<String, SortedSet<String>> byName, boolean named) {
        return byName.entrySet().stream()
                .map(e -> words(e.getValue(), ", ") + (named ? " on \"" + e.getKey() + "\"" : ""))
                .map(part -> Text.line(part, List.of()))
                .collect(Collectors.joining(" and "));
    }

    private static String words(SortedSet<String> actions, String separator) {
        return actions.stream().map(a -> RIGHTS.getOrDefault(a, a)).collect(Collectors.joining(separator));
    }

    /** The registry has no such thing. */
    Refusal notFound(HttpRequest request, List<ServiceError> errors, Collection<String> secrets) {
        String path = Text.line(Operation.pathOf(request.getUrl()), secrets);
        String repository = Operation.of(request.getHttpMethod(), request.getUrl()).repository;
        Map<String, String> at = Map.of("repository", repository, "reference", path.replaceFirst("^.*/", ""));
        for (ServiceError error : repository.isEmpty() ? List.<ServiceError>of() : errors) {
            switch (error.code) {
                case "NAME_UNKNOWN":
                    Map<String, String> facts = Map.of("registry", registry.host(), "repository", repository);
                    return new Refusal("not_found", "no_repository", facts);
                case "TAG_UNKNOWN":
                case "MANIFEST_UNKNOWN":
                    return new Refusal("not_found", "no_manifest", at);
                case "BLOB_UNKNOWN":
                    return new Refusal("not_found", "no_blob", at);
                default:
            }
        }
        return new Refusal("not_found", "not_found", Map.of("registry", registry.host(), "path", path));
    }

    /** Another refusal, to which the registry's own text belongs. */
    Refusal other(int status, List<ServiceError> errors) {
        boolean locked = errors.stream().anyMatch(e -> e.code.equals("REGISTRY_DISALLOWED_OPERATION"));
        String code = status == 403 ? "denied" : status == 413 ? "too_large" : "protocol";
        if (status == 400 || status == 405) {
            code = status == 405 && locked ? "locked" : "usage";
        }
        return new Refusal(code, "other", Map.of());
    }

    private Map<String, String> facts(NamePassword credential) {
        Map<String, String> facts = new TreeMap<>(Map.of("who", who(credential)));
        boolean named = credential != null && credential.kind() == Claims.Kind.PASSWORD;
        if (registry.isAcr() && named && PLAIN.matcher(credential.name()).matches()) { // what az can be asked for
            facts.put("name", registry.name());
            if (!isAdmin(credential)) {
                facts.put("token", credential.name());
            }
        }
        return facts;
    }

    private String who(NamePassword credential) {
        if (credential == null) {
            return "credential"; // its source was not asked yet
        }
        return isAdmin(credential) ? "admin user \"" + credential.name() + "\"" : credential.toString();
    }

    /** The admin user's name is the registry's own. */
    private boolean isAdmin(NamePassword credential) {
        return credential.kind() == Claims.Kind.PASSWORD
                && registry.isAcr()
                && credential.name().equals(registry.name());
    }

    private static String host(URL url) {
        return url.getPort() < 0 ? url.getHost() : url.getHost() + ":" + url.getPort();
    }
}
