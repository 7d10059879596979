package io.github.acrkit;

import com.azure.core.http.HttpMethod;
import java.net.URL;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Pattern;

/** What a request does to a registry, read from its method and URL, and the scope that ACR will ask for. */
final class Operation {
    /** Source: OCI distribution specification 1.1, "Pulling manifests"; the limit is the one that registries share. */
    private static final Pattern NAME = Pattern.compile(
            "(?=.{1,255}$)[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*" + "(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*");

    private static final Operation UNKNOWN = new Operation("", Scope.EMPTY);

    /** The repository's name, or "" where the operation has none. */
    final String repository;

    /** The scope that is needed; empty where method and URL do not tell. */
    final Scope scope;

    private Operation(String repository, Scope scope) {
        this.repository = repository;
        this.scope = scope;
    }

    static Operation of(HttpMethod method, URL url) {
        String path = pathOf(url);
        boolean read = method == HttpMethod.GET || method == HttpMethod.HEAD;
        if (path.equals("/v2/_catalog") || path.equals("/acr/v1/_catalog")) {
            return read ? new Operation("", Scope.CATALOG) : UNKNOWN;
        }
        if (path.startsWith("/v2/")) {
            return distribution(method, read, path.substring("/v2/".length()), url);
        }
        if (path.startsWith("/acr/v1/")) {
            return metadata(method, read, path.substring("/acr/v1/".length()));
        }
        return UNKNOWN;
    }

    /** Returns the decoded path, because names come with "/" or "%2F"; a malformed one as it is. */
    static String pathOf(URL url) {
        try {
            return decode(url.getPath().replace("+", "%2B"));
        } catch (IllegalArgumentException e) {
            return url.getPath(); // its "%" is in no name
        }
    }

    private static String decode(String text) {
        return URLDecoder.decode(text, StandardCharsets.UTF_8);
    }

    /**
     * Reads what follows /v2/. A name may hold "manifests" or "blobs" as a part; the last one decides, because what
     * follows it never holds a slash.
     */
    private static Operation distribution(HttpMethod method, boolean read, String rest, URL url) {
        String[] parts = rest.split("/", -1);
        int n = parts.length;
        if (n < 3) {
            return UNKNOWN;
        }
        String last = parts[n - 1];
        String kind = parts[n - 2];
        if (kind.equals("manifests") && !last.isEmpty()) {
            String put = method == HttpMethod.PUT ? "pull,push" : method == HttpMethod.DELETE ? "delete" : "";
            return on(name(parts, 2), read ? "pull" : put);
        }
        if (kind.equals("tags") && last.equals("list")) {
            return on(name(parts, 2), read ? "metadata_read" : ""); // not pull, as elsewhere
        }
        if (kind.equals("referrers") && !last.isEmpty()) {
            return on(name(parts, 2), read ? "pull" : "");
        }
        if (kind.equals("uploads") && n >= 4 && parts[n - 3].equals("blobs")) {
            boolean known = read || method == HttpMethod.POST || method == HttpMethod.PUT || method == HttpMethod.PATCH;
            String actions = method == HttpMethod.DELETE ? "delete" : known ? "pull,push" : "";
            boolean begins = method == HttpMethod.POST;
            return begins ? push(name(parts, 3), url) : on(name(parts, 3), actions);
        }
        if (kind.equals("blobs") && last.equals("uploads") && method == HttpMethod.POST) {
            return push(name(parts, 2), url);
        }
        if (kind.equals("blobs") && !last.isEmpty()) {
            return on(name(parts, 2), read ? "pull" : method == HttpMethod.DELETE ? "delete" : "");
        }
        return UNKNOWN;
    }

    private static String name(String[] parts, int tail) {
        return String.join("/", Arrays.copyOf(parts, parts.length - tail));
    }

    /** Reads what follows /acr/v1/. No part of a name begins with "_". */
    private static Operation metadata(HttpMethod method, boolean read, String rest) {
        String name = rest;
        for (String mark : new String[] {"/_tags", "/_manifests"}) {
            int at = rest.indexOf(mark);
            if (at < 0) {
                continue;
            }
            String tail = rest.substring(at + mark.length());
            if (!tail.isEmpty() && tail.charAt(0) != '/') {
                return UNKNOWN;
            }
            name = rest.substring(0, at);
            break;
        }
        String write = method == HttpMethod.PATCH ? "metadata_write" : method == HttpMethod.DELETE ? "delete" : "";
        return on(name, read ? "metadata_read" : write);
    }

    private static Operation on(String name, String actions) {
        // What is no repository's name is answered 404 before authentication (recorded), and must not become part of
        // a scope.
        if (actions.isEmpty() || !NAME.matcher(name).matches()) {
            return UNKNOWN;
        }
        return new Operation(name, Scope.EMPTY.with("repository", name, Arrays.asList(actions.split(","))));
    }

    /** The begin of an upload. A mount needs both repositories in one token (recorded). */
    private static Operation push(String name, URL url) {
        Operation plain = on(name, "pull,push");
        String from = query(url, "from");
        if (plain == UNKNOWN
                || query(url, "mount").isEmpty()
                || !NAME.matcher(from).matches()) {
            return plain;
        }
        return new Operation(name, plain.scope.with("repository", from, Arrays.asList("pull")));
    }

    private static String query(URL url, String key) {
        if (url.getQuery() != null) {
            for (String pair : url.getQuery().split("&")) {
                int at = pair.indexOf('=');
                try {
                    if (at > 0 && decode(pair.substring(0, at)).equals(key)) {
                        return decode(pair.substring(at + 1));
                    }
                } catch (IllegalArgumentException e) {
                    continue; // a malformed escape names nothing
                }
            }
        }
        return "";
    }
}
