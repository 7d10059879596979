package io.github.acrkit;

import com.azure.core.http.policy.FixedDelayOptions;
import com.azure.core.http.policy.RetryOptions;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.Writer;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** "acrkit emulator start" with the seed of sdk/testdata, as long as the tests run. This JVM trusts its certificate. */
final class Emulator {
    static final Map<String, String> PASSWORDS = Map.of(
            "ci-pull", "sdk-pull-password-0000000000000001",
            "ci-content", "sdk-content-password-0000000000002",
            "ci-list", "sdk-list-password-0000000000000003",
            "ci-push", "sdk-push-password-0000000000000004",
            "ci-names", "sdk-names-password-000000000000006",
            "ci-old", "sdk-old-password-00000000000000007",
            "ci-off", "sdk-off-password-00000000000000008");
    static final String SECOND_PUSH_PASSWORD = "sdk-push-password-0000000000000005";
    static final String TENANT = "11111111-1111-1111-1111-111111111111";
    static final String CLIENT = "22222222-2222-2222-2222-222222222222";
    static final String CLIENT_SECRET = "sdk-application-secret-0000000001";

    /** The number of tags of samples/many. */
    static final int MANY = 2300;

    /** Does without the seconds that the clients wait before they try again. */
    static final RetryOptions AT_ONCE = new RetryOptions(new FixedDelayOptions(3, Duration.ZERO));

    private static final Path WORK = temporaryFolder();
    private static final Path BINARY = binary();

    private static Emulator shared;

    private final Process process;
    private final Path data;
    private final SSLContext tls;
    final String host;

    private Emulator(String name, String... flags) throws IOException {
        data = WORK.resolve(name);
        Path seed = WORK.resolve(name + ".yaml");
        String tags = IntStream.range(0, MANY)
                .mapToObj(i -> String.format("t%04d", i))
                .collect(Collectors.joining(", "));
        Files.writeString(
                seed,
                Files.readString(Path.of("..", "testdata", "seed.yaml"))
                        .replace(
                                "    scopeMaps:\n",
                                "      - name: samples/many\n        images: [{tags: [" + tags
                                        + "]}]\n    scopeMaps:\n"));
        List<String> command =
                new ArrayList<>(List.of(BINARY.toString(), "emulator", "start", "--addr", "127.0.0.1:0"));
        command.addAll(List.of("--data", data.toString(), "--seed", seed.toString()));
        command.addAll(Arrays.asList(flags));
        process = new ProcessBuilder(command).redirectErrorStream(true).start();
        Runtime.getRuntime().addShutdownHook(new Thread(this::stop));
        host = ready();
        try {
            tls = trust(data.resolve("ca.pem"), FakeServer.certificate());
        } catch (GeneralSecurityException e) {
            throw new IOException(e);
        }
    }

    /** Returns the one that all tests share. */
    static synchronized Emulator shared() throws IOException {
        if (shared == null) {
            shared = new Emulator("emulator", "--blob-redirects", "--blob-host", "127.0.0.1");
        }
        return shared;
    }

    private static Path temporaryFolder() {
        try {
            Path folder = Files.createTempDirectory("acrkit-java-");
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                if (shared != null) {
                    shared.stop();
                }
                try (Stream<Path> all = Files.walk(folder)) {
                    all.sorted((a, b) -> b.compareTo(a)).forEach(p -> p.toFile().delete());
                } catch (IOException e) {
                    System.err.println(e);
                }
            }));
            return folder;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Returns $ACRKIT_BINARY, or builds the command. */
    private static Path binary() {
        String given = System.getenv("ACRKIT_BINARY");
        if (given != null) {
            return Path.of(given).toAbsolutePath();
        }
        try {
            Path binary = WORK.resolve("acrkit");
            Process build = new ProcessBuilder("go", "build", "-o", binary.toString(), "./cmd/acrkit")
                    .directory(Path.of("..", "..").toFile())
                    .inheritIO()
                    .start();
            if (build.waitFor() != 0) {
                throw new AssertionError("go build failed");
            }
            return binary;
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Waits until the emulator says that it is ready, and returns its host with the port. */
    private static void drain(BufferedReader out) {
        try {
            out.transferTo(Writer.nullWriter());
        } catch (IOException e) {
            // the emulator was ended
        }
    }

    private String ready() throws IOException {
        StringBuilder said = new StringBuilder();
        BufferedReader out =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        for (String line = out.readLine(); line != null; line = out.readLine()) {
            said.append(line).append('\n');
            int at = line.indexOf(" at localhost:");
            if (at >= 0) {
                Thread rest = new Thread(() -> drain(out)); // so that it never waits for us
                rest.setDaemon(true);
                rest.start();
                return line.substring(at + 4).split(",")[0];
            }
        }
        throw new IOException("the emulator is not ready: " + said);
    }

    private void stop() {
        process.destroy();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            process.destroyForcibly();
        }
    }

    /** Makes this JVM trust a CA and a server, by the property that people set; and returns a context that does. */
    private static SSLContext trust(Path ca, Certificate server) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        Path file = WORK.resolve("trust.p12");
        store.load(null, null);
        try (InputStream in = Files.newInputStream(ca)) {
            store.setCertificateEntry(
                    "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        store.setCertificateEntry("fake", server);
        try (OutputStream out = Files.newOutputStream(file)) {
            store.store(out, "changeit".toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "changeit");
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context;
    }

    static Path work() {
        return WORK;
    }

    Path caFile() {
        return data.resolve("ca.pem");
    }

    String url() {
        return "https://" + host;
    }

    /** Returns a token of the seed. */
    ScopedToken token(String name) {
        return ScopedToken.of(url(), name, PASSWORDS.get(name));
    }

    /** Calls the control API. */
    Map<?, ?> control(String method, String path, String body) throws IOException {
        URL url = URI.create(url() + "/_acrkit/v1" + path).toURL();
        HttpsURLConnection connection = (HttpsURLConnection) url.openConnection();
        connection.setSSLSocketFactory(tls.getSocketFactory());
        connection.setRequestMethod(method);
        connection.setRequestProperty(
                "Acrkit-Control-Key",
                Files.readString(data.resolve("control-api.key")).strip());
        if (!body.isEmpty()) {
            connection.setDoOutput(true);
            connection.setRequestProperty("Content-Type", "application/json");
            connection.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
        }
        if (connection.getResponseCode() >= 300) {
            throw new IOException(method + " " + path + ": " + connection.getResponseCode() + " "
                    + new String(connection.getErrorStream().readAllBytes(), StandardCharsets.UTF_8));
        }
        return Json.object(connection.getInputStream().readAllBytes());
    }

    /** Returns the last decision's number. */
    long mark() throws IOException {
        long last = 0;
        for (Map<?, ?> page = page(0); ; page = page(last)) {
            last = ((Number) page.get("last")).longValue();
            if (page.get("more") != Boolean.TRUE) {
                return last;
            }
        }
    }

    /** Returns what was decided since, as METHOD PATH OUTCOME. */
    List<String> since(long mark) throws IOException {
        List<String> all = new ArrayList<>();
        for (Map<?, ?> page = page(mark); ; page = page(((Number) page.get("last")).longValue())) {
            for (Object decision : Json.list(page.get("decisions"))) {
                Map<?, ?> d = Json.map(decision);
                all.add(d.get("method") + " " + d.get("path") + " " + d.get("outcome"));
            }
            if (page.get("more") != Boolean.TRUE) {
                return all;
            }
        }
    }

    private Map<?, ?> page(long after) throws IOException {
        return control("GET", "/decisions?after=" + after, "");
    }

    void advance(String duration) throws IOException {
        control("POST", "/clock/advance", "{\"by\":\"" + duration + "\"}");
    }

    /** Takes back what a test has changed. */
    void reset() throws IOException {
        control("DELETE", "/faults", "");
        control("DELETE", "/clock", "");
        control("PUT", "/lifetimes", "{}");
        control("POST", "/reset", "{}");
    }
}
