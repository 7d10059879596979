package io.github.acrkit;

import com.azure.core.http.HttpClient;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpHeaders;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import reactor.core.publisher.Mono;

/** An HTTP client that answers as a registry and its token service do, for what the emulator cannot do. */
final class FakeRegistry implements HttpClient {
    static final String HOST = "myregistry.azurecr.io";
    static final String URL = "https://" + HOST;

    /** What is accepted: password by name. */
    final Map<String, String> passwords = new ConcurrentHashMap<>(Map.of("ci-pull", "correct-horse"));

    /** Access and refresh tokens that are accepted. */
    final Set<String> live = ConcurrentHashMap.newKeySet();

    final List<HttpRequest> requests = Collections.synchronizedList(new ArrayList<>());
    final List<String> scopes = Collections.synchronizedList(new ArrayList<>());
    final List<Map<String, String>> forms = Collections.synchronizedList(new ArrayList<>());

    private static final Pattern FIELD = Pattern.compile("([^=&]+)=([^&]*)");
    private final AtomicInteger serial = new AtomicInteger();

    /** What tokens are good for; null makes tokens without an access claim. */
    volatile Scope granted;

    /** The keys of the access claim begin with capitals. */
    volatile boolean capitals;

    /** How long tokens live, in seconds. */
    volatile long life = 3600;

    /** The server's clock. */
    volatile Instant now = Instant.parse("2031-05-01T12:00:00Z"); // no machine's clock

    /** Answers a request in another way; null leaves it to the registry. */
    volatile Function<HttpRequest, Reply> intercept = request -> null;

    /** What a token request waits for. */
    volatile Mono<?> gate = Mono.empty();

    static final class Reply {
        final int status;
        final String body;
        final HttpHeaders headers = new HttpHeaders();

        private Reply(int status, String body) {
            this.status = status;
            this.body = body;
        }

        Reply header(String name, String value) {
            headers.set(HttpHeaderName.fromString(name), value);
            return this;
        }
    }

    static Reply reply(int status, String body) {
        return new Reply(status, body).header("Content-Type", "application/json; charset=utf-8");
    }

    static Reply challenge(String scope, String error) {
        return reply(401, "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}]}")
                .header(
                        "WWW-Authenticate",
                        "Bearer realm=\"" + URL + "/oauth2/token\",service=\"" + HOST + "\",scope=\"" + scope + "\""
                                + (error.isEmpty() ? "" : ",error=\"" + error + "\""));
    }

    static Reply unauthorized() {
        return reply(401, "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\"}]}");
    }

    @Override
    public Mono<HttpResponse> send(HttpRequest request) {
        Mono<HttpResponse> answer = Mono.fromSupplier(() -> {
            requests.add(request);
            Reply reply = answer(request);
            HttpHeaders headers = new HttpHeaders(reply.headers);
            if (headers.getValue(HttpHeaderName.DATE) == null) {
                headers.set(
                        HttpHeaderName.DATE, DateTimeFormatter.RFC_1123_DATE_TIME.format(now.atOffset(ZoneOffset.UTC)));
            }
            return new Answer(request, reply.status, headers, reply.body.getBytes(StandardCharsets.UTF_8));
        });
        return isToken(request) ? Mono.defer(() -> gate.then(answer)) : answer;
    }

    private static boolean isToken(HttpRequest request) {
        return request.getUrl().getPath().startsWith("/oauth2/");
    }

    private Reply answer(HttpRequest request) {
        Map<String, String> form = new HashMap<>();
        if (isToken(request)) {
            form = form(request);
            forms.add(form);
            scopes.add(form.getOrDefault("scope", ""));
        }
        Reply other = intercept.apply(request);
        if (other != null) {
            return other;
        }
        if (!request.getUrl().getAuthority().equals(HOST)) {
            return reply(200, "{\"from\":\"elsewhere\"}");
        }
        if (request.getUrl().getPath().equals("/oauth2/exchange")) {
            return form.getOrDefault("access_token", "").equals(passwords.get("entra"))
                    ? reply(200, "{\"refresh_token\":\"" + issue("refresh_token") + "\"}")
                    : reply(401, "");
        }
        if (isToken(request)) {
            boolean good = form.get("grant_type").equals("refresh_token")
                    ? live.contains(form.getOrDefault("refresh_token", ""))
                    : form.getOrDefault("password", "").equals(passwords.get(form.getOrDefault("username", "")));
            return good ? reply(200, "{\"access_token\":\"" + issue("access_token") + "\"}") : unauthorized();
        }
        String header = request.getHeaders().getValue(HttpHeaderName.AUTHORIZATION);
        String scope =
                Operation.of(request.getHttpMethod(), request.getUrl()).scope.toString();
        if (header == null) {
            return challenge(scope, "");
        }
        return live.contains(header.substring("Bearer ".length()))
                ? reply(200, "{\"tags\":[]}")
                : challenge(scope, "invalid_token");
    }

    private static Map<String, String> form(HttpRequest request) {
        Map<String, String> form = new HashMap<>();
        Matcher m = FIELD.matcher(request.getBodyAsBinaryData().toString());
        while (m.find()) {
            form.put(m.group(1), URLDecoder.decode(m.group(2), StandardCharsets.UTF_8));
        }
        return form;
    }

    private String issue(String kind) {
        Map<String, Object> claims = new TreeMap<>(Map.of(
                "iss",
                "Azure Container Registry",
                "grant_type",
                kind,
                "jti",
                "number-" + serial.incrementAndGet(),
                "exp",
                now.getEpochSecond() + life));
        if (granted != null) {
            List<Object> access = new ArrayList<>();
            granted.byName()
                    .forEach((name, actions) -> access.add(new TreeMap<>(Map.of(
                            capitals ? "Type" : "type",
                            "repository",
                            capitals ? "Name" : "name",
                            name,
                            capitals ? "Actions" : "actions",
                            new ArrayList<>(actions)))));
            claims.put("access", access);
        }
        String token = jwt(claims);
        live.add(token);
        return token;
    }

    static String jwt(Map<String, ?> claims) {
        Base64.Encoder base64 = Base64.getUrlEncoder().withoutPadding();
        return base64.encodeToString("{\"alg\":\"none\"}".getBytes(StandardCharsets.UTF_8)) + "."
                + base64.encodeToString(Json.write(claims).getBytes(StandardCharsets.UTF_8)) + ".c2lnbmF0dXJl";
    }

    /** Returns the requests to the token service, or those to anything else, as METHOD PATH. */
    List<String> sent(boolean tokens) {
        List<String> all = new ArrayList<>();
        synchronized (requests) {
            for (HttpRequest r : requests) {
                if (isToken(r) == tokens) {
                    all.add(r.getHttpMethod() + " " + r.getUrl().getPath());
                }
            }
        }
        return all;
    }
}
