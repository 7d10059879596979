package io.github.acrkit;

import com.azure.core.http.HttpHeaderName;
import com.azure.core.http.HttpHeaders;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.BinaryData;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.AsynchronousByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.Charset;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The answer to the copy of a request that carries the token, as the answer to the client's own request. */
final class BoundResponse extends HttpResponse {
    private final HttpResponse inner;

    BoundResponse(HttpRequest request, HttpResponse inner) {
        super(request);
        this.inner = inner;
    }

    @Override
    public int getStatusCode() {
        return inner.getStatusCode();
    }

    @Override
    @Deprecated
    public String getHeaderValue(String name) {
        return inner.getHeaderValue(name);
    }

    @Override
    public String getHeaderValue(HttpHeaderName name) {
        return inner.getHeaderValue(name);
    }

    @Override
    public HttpHeaders getHeaders() {
        return inner.getHeaders();
    }

    @Override
    public Flux<ByteBuffer> getBody() {
        return inner.getBody();
    }

    @Override
    public BinaryData getBodyAsBinaryData() {
        return inner.getBodyAsBinaryData();
    }

    @Override
    public Mono<byte[]> getBodyAsByteArray() {
        return inner.getBodyAsByteArray();
    }

    @Override
    public Mono<String> getBodyAsString() {
        return inner.getBodyAsString();
    }

    @Override
    public Mono<String> getBodyAsString(Charset charset) {
        return inner.getBodyAsString(charset);
    }

    @Override
    public Mono<InputStream> getBodyAsInputStream() {
        return inner.getBodyAsInputStream();
    }

    @Override
    public HttpResponse buffer() {
        return new BoundResponse(getRequest(), inner.buffer());
    }

    @Override
    public Mono<Void> writeBodyToAsync(AsynchronousByteChannel channel) {
        return inner.writeBodyToAsync(channel);
    }

    @Override
    public void writeBodyTo(WritableByteChannel channel) throws IOException {
        inner.writeBodyTo(channel);
    }

    @Override
    public void close() {
        inner.close();
    }
}
