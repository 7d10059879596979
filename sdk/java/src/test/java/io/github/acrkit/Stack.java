package io.github.acrkit;

import com.azure.core.http.HttpClient;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.Context;

/** The two ways in which the clients use an HTTP client. */
enum Stack {
    SYNC {
        @Override
        HttpResponse send(HttpClient client, HttpRequest request) {
            return client.sendSync(request, Context.NONE);
        }
    },
    ASYNC {
        @Override
        HttpResponse send(HttpClient client, HttpRequest request) {
            return client.send(request, Context.NONE).block();
        }
    };

    abstract HttpResponse send(HttpClient client, HttpRequest request);

    HttpResponse get(ScopedToken acr, String path) {
        return send(acr.httpClient(), new HttpRequest(HttpMethod.GET, acr.endpoint() + path));
    }
}
