package io.github.acrkit;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/** An HTTPS server on loopback that notes the Authorization header of each request, and what the others hold. */
final class FakeServer implements AutoCloseable {
    private static final char[] PASSWORD = "changeit".toCharArray();
    private static KeyStore keys;

    private final HttpsServer server;

    /** Each request as METHOD PATH AUTHORIZATION. */
    final List<String> requests = Collections.synchronizedList(new ArrayList<>());

    FakeServer(HttpHandler handler) throws IOException {
        try {
            certificate();
            KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            factory.init(keys, PASSWORD);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(factory.getKeyManagers(), null, null);
            server = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.setHttpsConfigurator(new HttpsConfigurator(context));
        } catch (GeneralSecurityException e) {
            throw new IOException(e);
        }
        server.createContext("/", exchange -> {
            String header = exchange.getRequestHeaders().getFirst("Authorization");
            requests.add(
                    exchange.getRequestMethod() + " " + exchange.getRequestURI().getPath() + " " + header);
            handler.handle(exchange);
            exchange.close();
        });
        server.start();
    }

    /** Returns the certificate of all fake servers, for localhost and 127.0.0.1. */
    static synchronized Certificate certificate() throws IOException, GeneralSecurityException {
        if (keys == null) {
            Path file = Emulator.work().resolve("fake.p12");
            String keytool =
                    Path.of(System.getProperty("java.home"), "bin", "keytool").toString();
            Process made = new ProcessBuilder(
                            keytool,
                            "-genkeypair",
                            "-alias",
                            "fake",
                            "-keyalg",
                            "EC",
                            "-validity",
                            "3650",
                            "-dname",
                            "CN=localhost",
                            "-ext",
                            "san=dns:localhost,ip:127.0.0.1",
                            "-storetype",
                            "PKCS12",
                            "-storepass",
                            "changeit",
                            "-keystore",
                            file.toString())
                    .redirectErrorStream(true)
                    .start();
            try {
                String said = new String(made.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
                if (made.waitFor() != 0) {
                    throw new IOException("keytool failed: " + said);
                }
            } catch (InterruptedException e) {
                throw new IOException(e);
            }
            keys = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(file)) {
                keys.load(in, PASSWORD);
            }
        }
        return keys.getCertificate("fake");
    }

    String at(String host) {
        return "https://" + host + ":" + server.getAddress().getPort();
    }

    static void answer(HttpExchange exchange, int status, String body, String... headers) throws IOException {
        for (int i = 0; i < headers.length; i += 2) {
            exchange.getResponseHeaders().set(headers[i], headers[i + 1]);
        }
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        if (bytes.length > 0) {
            exchange.getResponseBody().write(bytes);
        }
    }

    @Override
    public void close() {
        server.stop(0);
    }
}
