package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.HttpMethod;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.Context;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.LongUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Every vector that the four languages share. */
class VectorsTest {
    private static final Path FOLDER = Path.of("..", "..", "testdata", "vectors");

    private interface Check {
        void vector(Map<?, ?> vector) throws Exception;
    }

    /** Checks each vector of a file, and says how many there were. */
    private static void each(String file, Check check) throws IOException {
        List<?> vectors =
                Json.list(Json.object(Files.readAllBytes(FOLDER.resolve(file))).get("vectors"));
        assertTrue(vectors.size() > 0, file + " holds no vectors");
        int read = 0;
        List<String> wrong = new ArrayList<>();
        for (Object vector : vectors) {
            try {
                check.vector(Json.map(vector));
                read++;
            } catch (Exception | AssertionError e) {
                wrong.add(vector + ": " + e);
            }
        }
        System.out.printf("vectors: %s: %d of %d%n", file, read, vectors.size());
        assertEquals(vectors.size(), read, () -> String.join("\n", wrong));
    }

    @Test
    void everyFileIsRead() throws IOException {
        String[] read = {
            "challenges.json",
            "endpoints.json",
            "lifetimes.json",
            "origins.json",
            "refusals.json",
            "scopes.json",
            "sentences.json",
            "tokens.json"
        };
        try (java.util.stream.Stream<Path> files = Files.list(FOLDER)) {
            assertArrayEquals(
                    read, files.map(f -> f.getFileName().toString()).sorted().toArray());
        }
    }

    @Test
    void scopes() throws IOException {
        each("scopes.json", v -> {
            URL url = new URL("https://myregistry.azurecr.io" + v.get("path"));
            HttpMethod method = HttpMethod.valueOf(Json.text(v.get("method")));
            assertEquals(v.get("scope"), Operation.of(method, url).scope.toString());
        });
    }

    @Test
    void endpoints() throws IOException {
        each("endpoints.json", v -> {
            ScopedTokenBuilder builder = new ScopedTokenBuilder()
                    .endpoint(Json.text(v.get("endpoint")))
                    .customLoginServer(v.get("custom") == Boolean.TRUE)
                    .token("ci-pull", "made-up-password")
                    .httpClient(new FakeRegistry());
            if (v.containsKey("url")) {
                assertEquals(v.get("url"), builder.build().endpoint());
                assertEquals(
                        v.get("service"),
                        Registry.parse(Json.text(v.get("endpoint"))).service());
                return;
            }
            String message =
                    assertThrows(IllegalArgumentException.class, builder::build).getMessage();
            String code = message.contains("is not a login server of Azure") ? "host_refused" : "usage";
            assertEquals(v.get("code"), code, message);
            assertTrue(!message.contains("made-up-password") && !message.contains("user:pass"), message);
        });
    }

    @Test
    void origins() throws IOException {
        each("origins.json", v -> {
            Registry registry = Registry.parse(Json.text(v.get("endpoint")));
            assertEquals(v.get("home"), registry.isHome(new URL(Json.text(v.get("url")))));
        });
    }

    @Test
    void challenges() throws IOException {
        Pattern repeated = Pattern.compile("\\{(.) \\* (\\d+)}");
        each("challenges.json", v -> {
            List<String> headers = new ArrayList<>();
            for (Object header : Json.list(v.get("headers"))) {
                Matcher m = repeated.matcher(Json.text(header));
                headers.add(m.replaceAll(r -> r.group(1).repeat(Integer.parseInt(r.group(2)))));
            }
            String refused = "";
            Challenge c = null;
            try {
                c = Challenge.of(headers);
                if (c == null) {
                    refused = "none";
                } else if (!c.realm.isEmpty()
                        && !Registry.parse(Json.text(v.get("registry"))).isOwnRealm(c.realm)) {
                    refused = "foreign_realm";
                }
            } catch (IllegalArgumentException e) {
                refused = e.getMessage().contains("too long") ? "too_large" : "malformed";
            }
            assertEquals(Json.text(v.get("refused")), refused);
            if (refused.isEmpty()) {
                assertNotNull(c);
                assertEquals(Json.text(v.get("realm")), c.realm);
                assertEquals(Json.text(v.get("service")), c.service);
                assertEquals(Json.text(v.get("scope")), c.scope.toString());
                assertEquals(Json.text(v.get("error")), c.error);
            }
        });
    }

    @Test
    void tokens() throws IOException {
        each("tokens.json", v -> {
            String user = Json.text(v.get("user"));
            String password = Json.text(v.get("password"));
            Claims.Kind kind = Claims.kindOf(user, password);
            assertEquals(v.get("kind"), kind.name().toLowerCase(Locale.ROOT));
            if (kind == Claims.Kind.ACCESS_TOKEN) {
                assertThrows(IllegalArgumentException.class, () -> new NamePassword(user, password));
            } else {
                assertEquals(kind, new NamePassword(user, password).kind());
            }
        });
    }

    @Test
    void lifetimes() throws IOException {
        each("lifetimes.json", v -> {
            String date = Json.text(v.get("date"));
            String value = Json.text(v.get("token"));
            Token token = new Token(value, Scope.EMPTY, null, 0, date.isEmpty() ? null : date);
            LongUnaryOperator nanos = seconds -> seconds * 1_000_000_000L;
            long renew = nanos.applyAsLong(((Number) v.get("renew")).longValue());
            long ends = nanos.applyAsLong(((Number) v.get("ends")).longValue());
            assertEquals(
                    ((Number) v.get("life")).longValue(),
                    Claims.of(value).life(date).getSeconds());
            assertTrue(token.isDue(renew) && !token.isDue(renew - 1), "renewed at " + renew);
            assertTrue(!token.isAlive(ends) && token.isAlive(ends - 1), "ends at " + ends);
        });
    }

    @Test
    void refusals() throws IOException {
        each("refusals.json", v -> {
            Refusal refusal = refusalOf(v);
            assertEquals(v.get("code"), refusal.getCode());
            assertEquals(v.get("sentence"), refusal.sentence());
            assertEquals(v.get("facts"), refusal.getFacts());
            assertEquals(v.get("message"), refusal.getMessage());
        });
    }

    /** Sends a vector's request to a registry that answers as the vector says. */
    private static Refusal refusalOf(Map<?, ?> v) throws IOException {
        FakeRegistry fake = new FakeRegistry();
        boolean fromTokenService = v.get("from").equals("token_service");
        if (!fromTokenService) {
            fake.granted = v.get("granted") == null ? null : Scope.parse(Json.text(v.get("granted")));
            fake.capitals = Boolean.TRUE.equals(v.get("capitals"));
        }
        fake.intercept = request -> {
            if (request.getUrl().getPath().startsWith("/oauth2/") != fromTokenService) {
                return null;
            }
            FakeRegistry.Reply reply =
                    FakeRegistry.reply(((Number) v.get("status")).intValue(), Json.text(v.get("body")));
            Json.map(v.get("headers")).forEach((name, value) -> reply.header((String) name, (String) value));
            return reply;
        };
        TokenClient client = (TokenClient) new ScopedTokenBuilder()
                .endpoint(Json.text(v.get("registry")))
                .token(Json.text(v.get("credential")), "correct-horse")
                .httpClient(fake)
                .build()
                .httpClient();
        HttpRequest request = new HttpRequest(
                HttpMethod.valueOf(Json.text(v.get("method"))), "https://" + v.get("registry") + v.get("path"));
        HttpResponse response = client.sendSync(request, Context.NONE);
        assertEquals(v.get("status"), response.getStatusCode());
        if (!fromTokenService) {
            assertEquals(v.get("requested"), fake.scopes.get(0));
        }
        return Refusal.of(new HttpResponseException("", response)).orElseThrow();
    }

    @Test
    void sentences() throws IOException {
        byte[] original = Files.readAllBytes(FOLDER.resolve("sentences.json"));
        try (InputStream copy = Refusal.class.getResourceAsStream("sentences.json")) {
            assertArrayEquals(original, copy.readAllBytes(), "copy testdata/vectors/sentences.json");
        }
        Map<?, ?> all = new TreeMap<>(Json.object(original));
        all.forEach((key, sentence) -> {
            Map<?, ?> parts = Json.map(sentence);
            Map<String, String> facts = new TreeMap<>();
            for (Object part : Arrays.asList(parts.get("text"), parts.get("fix"))) {
                Matcher m = Pattern.compile("\\{([a-z_]+)}").matcher((String) part);
                while (m.find()) {
                    facts.put(m.group(1), "<" + m.group(1) + ">");
                }
            }
            String message = new Refusal("x", (String) key, facts).getMessage();
            assertEquals(
                    (parts.get("text")
                                    + (parts.get("text").equals("")
                                                    || parts.get("fix").equals("")
                                            ? ""
                                            : "\n")
                                    + parts.get("fix"))
                            .replace('{', '<')
                            .replace('}', '>'),
                    message);
        });
        System.out.printf("vectors: sentences.json: %d of %d%n", all.size(), all.size());
    }
}
