package io.github.acrkit;

import com.azure.core.http.HttpMethod;
import java.net.URL;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a request does to a registry, read from its method and URL, and the scope that ACR will ask for. */
final class Operation {
    /** Source: OCI distribution specification 1.1, "Pulling manifests"; the limit is the one that registries share. */
    private static final Pattern NAME = Pattern.compile(
            "(?=.{1,255}$)[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*" + "(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*");

    private static final Pattern CATALOG = Pattern.compile("/(v2|acr/v1)/_catalog");

    /** A name may hold "manifests" or "blobs" as a part; the last one decides: what follows it holds no slash. */
    private static final Pattern DISTRIBUTION =
            Pattern.compile("/v2/(.+)/(manifests|tags|referrers|blobs/uploads|blobs)/([^/]*)");

    /** No part of a name begins with "_". */
    private static final Pattern METADATA = Pattern.compile("/acr/v1/(.+?)(?:/_(?:tags|manifests)(?:/.*)?)?");

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
        String delete = method == HttpMethod.DELETE ? "delete" : "";
        if (CATALOG.matcher(path).matches()) {
            return new Operation("", read ? Scope.CATALOG : Scope.EMPTY);
        }
        Matcher m = METADATA.matcher(path);
        if (m.matches()) {
            String write = method == HttpMethod.PATCH ? "metadata_write" : delete;
            return on(m.group(1), read ? "metadata_read" : write, "");
        }
        m = DISTRIBUTION.matcher(path);
        if (!m.matches()) {
            return on("", "", "");
        }
        String name = m.group(1);
        String last = m.group(3);
        switch (m.group(2)) {
            case "tags":
                return on(name, read && last.equals("list") ? "metadata_read" : "", ""); // not pull, as elsewhere
            case "blobs/uploads":
                return upload(name, method, delete, url);
            case "blobs":
                if (last.equals("uploads") && method == HttpMethod.POST) {
                    return upload(name, method, delete, url);
                }
                return on(last.isEmpty() ? "" : name, read ? "pull" : delete, "");
            case "manifests":
                String write = method == HttpMethod.PUT ? "pull,push" : delete;
                return on(last.isEmpty() ? "" : name, read ? "pull" : write, "");
            default: // referrers
                return on(last.isEmpty() ? "" : name, read ? "pull" : "", "");
        }
    }

    /** A mount, with which an upload may begin, needs both repositories in one token (recorded). */
    private static Operation upload(String name, HttpMethod method, String delete, URL url) {
        boolean other = method == HttpMethod.OPTIONS || method == HttpMethod.TRACE || method == HttpMethod.CONNECT;
        boolean mounts = method == HttpMethod.POST && !query(url, "mount").isEmpty();
        String actions = other || !delete.isEmpty() ? delete : "pull,push";
        return on(name, actions, mounts ? query(url, "from") : "");
    }

    private static Operation on(String name, String actions, String mountedFrom) {
        // What is no repository's name is answered 404 before authentication (recorded), and must not become part of
        // a scope.
        if (actions.isEmpty() || !NAME.matcher(name).matches()) {
            return new Operation("", Scope.EMPTY);
        }
        Scope scope = Scope.EMPTY.with("repository", name, List.of(actions.split(",")));
        boolean mounts = NAME.matcher(mountedFrom).matches();
        return new Operation(name, mounts ? scope.with("repository", mountedFrom, List.of("pull")) : scope);
    }

    /** Returns the decoded path, because names come with "/" or "%2F"; a malformed one as it is. */
    static String pathOf(URL url) {
        return decode(url.getPath().replace("+", "%2B"));
    }

    private static String query(URL url, String key) {
        Matcher m = Pattern.compile("&" + key + "=([^&]+)").matcher("&" + url.getQuery());
        return m.find() ? decode(m.group(1)) : "";
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            return text; // its "%" is in no name
        }
    }
}
