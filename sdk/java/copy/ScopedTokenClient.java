// To be copied, where no dependency may be added: one token's name and password for Microsoft's clients, synchronous
// and asynchronous. They go to the registry's own origin only, and are in no log and no exception. No access token is
// kept, so each call costs three requests; there is no second password, no Entra token, and a refusal does not name
// the right that is missing.
import com.azure.core.http.HttpClient;
import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpHeaders;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.BinaryData;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** For the builders' httpClient(new ScopedTokenClient(endpoint, name, password)), beside endpoint(endpoint). */
public final class ScopedTokenClient implements HttpClient {
    private static final Pattern SCOPE = Pattern.compile("Bearer .*scope=\"([^\"]+)\"");
    private final HttpClient inner = HttpClient.createDefault();
    private final String endpoint;
    private final transient String login;
    public ScopedTokenClient(String endpoint, String name, String password) {
        if (!endpoint.matches("https://[a-z0-9.:-]+")) {
            throw new IllegalArgumentException("the endpoint must be https://HOST, in lower case");
        }
        this.endpoint = endpoint;
        login = "grant_type=password&service=" + encode(endpoint.substring(8)) + "&username=" + encode(name)
                + "&password=" + encode(password) + "&scope=";
    }

    @Override public Mono<HttpResponse> send(HttpRequest request) {
        return sendAs(request, null).flatMap(first -> {
            Matcher scope = SCOPE.matcher(String.valueOf(first.getHeaders().getValue(HttpHeaderName.WWW_AUTHENTICATE)));
            boolean home = request.getUrl().toString().startsWith(endpoint + "/");
            if (first.getStatusCode() != 401 || !home || !scope.find()) {
                return answer(request, first, first.getStatusCode());
            }
            first.close();
            HttpRequest post = new HttpRequest(HttpMethod.POST, endpoint + "/oauth2/token")
                    .setHeader(HttpHeaderName.CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .setBody(login + encode(scope.group(1)));
            return inner.send(post).flatMap(got -> {
                int status = got.getStatusCode(); // after 429 and 5xx, the SDK tries again
                return status != 200 ? answer(request, got, status == 429 || status >= 500 ? status : 401)
                    : got.getBodyAsByteArray().flatMap(json -> sendAs(request, BinaryData.fromBytes(json)
                        .toObject(Map.class).get("access_token"))).flatMap(a -> answer(request, a, a.getStatusCode()));
            });
        });
    }

    private Mono<HttpResponse> sendAs(HttpRequest request, Object token) {
        HttpRequest copy = request.copy(); // the SDK logs its own request
        copy.getHeaders().remove(HttpHeaderName.AUTHORIZATION);
        return inner.send(token == null ? copy : copy.setHeader(HttpHeaderName.AUTHORIZATION, "Bearer " + token));
    }

    /** Answers the SDK's own request, without the challenge, which would start an exchange of the SDK's own. */
    private static Mono<HttpResponse> answer(HttpRequest request, HttpResponse inner, int status) {
        HttpHeaders headers = new HttpHeaders(inner.getHeaders());
        headers.remove(HttpHeaderName.WWW_AUTHENTICATE);
        return Mono.just(new HttpResponse(request) {
            @Override public int getStatusCode() { return status; }
            @Override public HttpHeaders getHeaders() { return headers; }
            @Override @Deprecated public String getHeaderValue(String name) { return headers.getValue(name); }
            @Override public Flux<ByteBuffer> getBody() { return inner.getBody(); }
            @Override public Mono<byte[]> getBodyAsByteArray() { return inner.getBodyAsByteArray(); }
            @Override public Mono<String> getBodyAsString() { return inner.getBodyAsString(); }
            @Override public Mono<String> getBodyAsString(Charset charset) { return inner.getBodyAsString(charset); }
            @Override public void close() { inner.close(); }
        });
    }

    private static String encode(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }
}
