package io.github.acrkit;

import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpHeaders;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.BinaryData;
import com.azure.core.util.CoreUtils;
import io.github.acrkit.Refusals.ServiceError;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** An answer in memory: a refusal, or what the token service answered, for the client's own request. */
class Answer extends HttpResponse {
    private final int status;
    private final HttpHeaders headers;
    private final byte[] body;

    /**
     * @param headers those of the answer that came; the ones that tell how its body was sent are left out
     */
    Answer(HttpRequest request, int status, HttpHeaders headers, byte[] body) {
        super(request);
        this.status = status;
        this.body = body;
        this.headers = new HttpHeaders(headers);
        this.headers.remove(HttpHeaderName.CONTENT_ENCODING);
        this.headers.remove(HttpHeaderName.TRANSFER_ENCODING);
        this.headers.set(HttpHeaderName.CONTENT_LENGTH, Integer.toString(body.length));
    }

    /**
     * Returns a refusal. It is an answer and no exception, because the clients send a request again, seconds later,
     * after every exception of their HTTP client. Its body has the form of the registry's own, so that the clients
     * throw what they throw for that.
     *
     * @param errors what the registry said; programs may read the code, and "other" adds to the text
     */
    static Answer refusal(
            HttpRequest request, int status, HttpHeaders headers, Refusal refusal, List<ServiceError> errors) {
        String code = errors.isEmpty() ? "" : errors.get(0).code;
        code = code.isEmpty() ? status == 401 ? "UNAUTHORIZED" : "UNKNOWN" : code;
        boolean adds = refusal.sentence().equals("other")
                && !errors.isEmpty()
                && !errors.get(0).message.isEmpty();
        String message = (adds ? errors.get(0).message + "\n" : "") + refusal.getMessage();
        Map<String, String> error = new TreeMap<>(Map.of("code", code, "message", message));
        String body = Json.write(Map.of("errors", List.of(error)));
        Answer answer = new Answer(request, status, headers, Claims.utf8(body));
        answer.headers.set(HttpHeaderName.CONTENT_TYPE, "application/json; charset=utf-8");
        // Without a challenge the clients start no anonymous exchange of their own.
        answer.headers.remove(HttpHeaderName.WWW_AUTHENTICATE);
        answer.headers.set(Refusal.HEADER, refusal.header());
        return answer;
    }

    /** Reads the body of an answer, and stops once it is longer than the limit, in bytes. */
    static Mono<byte[]> read(HttpResponse response, int limit) {
        return Mono.defer(() -> {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            return response.getBody()
                    .doOnNext(part -> {
                        byte[] bytes = new byte[Math.min(part.remaining(), limit + 1 - out.size())];
                        part.get(bytes);
                        out.write(bytes, 0, bytes.length);
                    })
                    .takeUntil(part -> out.size() > limit)
                    .then(Mono.fromSupplier(out::toByteArray));
        });
    }

    @Override
    public int getStatusCode() {
        return status;
    }

    @Override
    @Deprecated
    public String getHeaderValue(String name) {
        return headers.getValue(HttpHeaderName.fromString(name));
    }

    @Override
    public HttpHeaders getHeaders() {
        return headers;
    }

    @Override
    public Flux<ByteBuffer> getBody() {
        return Flux.defer(() -> Flux.just(ByteBuffer.wrap(body)));
    }

    @Override
    public BinaryData getBodyAsBinaryData() {
        return BinaryData.fromBytes(body);
    }

    @Override
    public Mono<byte[]> getBodyAsByteArray() {
        return Mono.fromSupplier(body::clone);
    }

    @Override
    public Mono<String> getBodyAsString() {
        String type = headers.getValue(HttpHeaderName.CONTENT_TYPE);
        return Mono.fromSupplier(() -> CoreUtils.bomAwareToString(body, type));
    }

    @Override
    public Mono<String> getBodyAsString(Charset charset) {
        return Mono.fromSupplier(() -> new String(body, charset));
    }
}
