package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.azure.core.http.HttpClient;
import com.azure.core.http.HttpRequest;
import com.azure.core.http.HttpResponse;
import com.azure.core.util.BinaryData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import reactor.core.publisher.Mono;

/** The arguments of callers, and the errors for wrong ones. */
class ScopedTokenTest {
    private static final String PASSWORD = "correct-horse-battery-staple";

    @TempDir
    Path dir;

    @Test
    void theDefaultIsTheSdksOwnClient() {
        ScopedToken acr = ScopedToken.of("myregistry", "ci-pull", PASSWORD);
        assertEquals("https://myregistry.azurecr.io", acr.endpoint());
        assertNotNull(acr.httpClient());
    }

    @Test
    void nullNamesTheEnvironment() {
        String unset = System.getenv("ACRKIT_IS_NEVER_SET");
        String[] messages = {
            assertThrows(NullPointerException.class, () -> ScopedToken.of(unset, "ci-pull", PASSWORD))
                    .getMessage(),
            assertThrows(NullPointerException.class, () -> ScopedToken.of("myregistry", unset, PASSWORD))
                    .getMessage(),
            assertThrows(NullPointerException.class, () -> ScopedToken.of("myregistry", "ci-pull", unset))
                    .getMessage()
        };
        String[] names = {"endpoint", "name", "password"};
        for (int i = 0; i < names.length; i++) {
            assertEquals(
                    "'" + names[i] + "' cannot be null. Is the environment variable that it comes from set?",
                    messages[i]);
        }
        ScopedTokenBuilder builder = new ScopedTokenBuilder();
        assertThrows(NullPointerException.class, () -> ScopedToken.from("myregistry", null));
        assertThrows(NullPointerException.class, () -> builder.secondPassword(null));
        assertThrows(NullPointerException.class, () -> builder.httpClient(null));
    }

    @ParameterizedTest
    @CsvSource({
        "http://myregistry.azurecr.io, is a plain-HTTP address",
        "https://myregistry.azurecr.io/v2/, 'must be a host name alone, without a path or query'",
        "https://ci:secret@myregistry.azurecr.io, must not carry a user name or password",
        "registry.contoso.com, customLoginServer(true)",
        "myregistry.azurecr.io.evil.example, is not a login server of Azure Container Registry",
        "'my registry', is not a host name",
    })
    void aWrongEndpointSaysWhatIsWrong(String endpoint, String says) {
        String message = assertThrows(
                        IllegalArgumentException.class, () -> ScopedToken.of(endpoint, "ci-pull", PASSWORD))
                .getMessage();
        assertTrue(message.contains(says) && !message.contains("secret"), message);
    }

    @ParameterizedTest
    @CsvSource({
        "'', is empty",
        "' x', begins or ends with white space",
        "'made-up\n', begins or ends with white space",
        "'made\u0001up', has a control character",
    })
    void aWrongPasswordIsNamedAndNotShown(String password, String says) {
        String message = assertThrows(
                        IllegalArgumentException.class, () -> ScopedToken.of("myregistry", "ci-pull", password))
                .getMessage();
        assertTrue(message.startsWith("the password of \"ci-pull\" " + says), message);
        assertFalse(message.contains("made"), message);
        message = assertThrows(IllegalArgumentException.class, () -> ScopedToken.of("myregistry", password, PASSWORD))
                .getMessage();
        assertTrue(message.startsWith("the token's name " + says), message);
    }

    @Test
    void aPasswordHasAtMost64Ki() {
        new NamePassword("ci-pull", "x".repeat(64 << 10));
        String over = "x".repeat((64 << 10) + 1);
        assertThrows(IllegalArgumentException.class, () -> new NamePassword("ci-pull", over));
    }

    @Test
    void theBuilderWantsOneCredential() {
        ScopedTokenBuilder none = new ScopedTokenBuilder().endpoint("myregistry");
        assertThrows(IllegalStateException.class, none::build);
        ScopedTokenBuilder both = new ScopedTokenBuilder()
                .endpoint("myregistry")
                .token("ci-pull", PASSWORD)
                .source(() -> new NamePassword("ci-pull", PASSWORD));
        assertThrows(IllegalStateException.class, both::build);
        ScopedTokenBuilder second = new ScopedTokenBuilder()
                .endpoint("myregistry")
                .secondPassword(PASSWORD)
                .source(() -> new NamePassword("ci-pull", PASSWORD));
        assertThrows(IllegalStateException.class, second::build);
        ScopedTokenBuilder nowhere = new ScopedTokenBuilder().token("ci-pull", PASSWORD);
        assertThrows(IllegalStateException.class, nowhere::build);
    }

    @Test
    void noTextOfOursShowsASecret() {
        NamePassword pair = new NamePassword("ci-pull", PASSWORD);
        ScopedTokenBuilder builder = new ScopedTokenBuilder()
                .endpoint("myregistry")
                .token("ci-pull", PASSWORD)
                .secondPassword(PASSWORD + "2");
        ScopedToken acr = builder.build();
        FakeRegistry fake = new FakeRegistry();
        fake.passwords.put("ci-pull", PASSWORD);
        ScopedToken used = new ScopedTokenBuilder()
                .endpoint("myregistry")
                .token("ci-pull", PASSWORD)
                .httpClient(new Hidden(fake))
                .build();
        Stack.SYNC.get(used, TokenClientTest.TAGS);
        for (Object ours : new Object[] {pair, builder, acr, acr.httpClient(), used, used.httpClient()}) {
            String json;
            try {
                json = BinaryData.fromObject(ours).toString(); // Jackson, by getters
            } catch (RuntimeException e) {
                json = e.toString(); // it found nothing to write
            }
            for (String shown : new String[] {ours.toString(), json, fields(ours, 0)}) {
                assertFalse(shown.contains(PASSWORD), () -> ours.getClass() + ": " + shown);
                for (String token : fake.live) {
                    assertFalse(shown.contains(token), () -> ours.getClass() + ": " + shown);
                }
            }
            assertThrows(
                    NotSerializableException.class,
                    () -> new ObjectOutputStream(new ByteArrayOutputStream()).writeObject(ours));
        }
        assertEquals("ScopedToken(token \"ci-pull\" on myregistry.azurecr.io)", acr.toString());
        assertEquals("token \"ci-pull\"", pair.toString());
    }

    /** An inner client whose own secrets are not ours. */
    private static final class Hidden implements HttpClient {
        private final transient FakeRegistry fake;

        Hidden(FakeRegistry fake) {
            this.fake = fake;
        }

        @Override
        public Mono<HttpResponse> send(HttpRequest request) {
            return fake.send(request);
        }
    }

    /** Returns the text of all fields, as libraries that write objects by reflection find them. */
    private static String fields(Object object, int depth) {
        StringBuilder text = new StringBuilder();
        if (object instanceof Iterable && depth < 8) {
            ((Iterable<?>) object).forEach(o -> text.append(fields(o, depth + 1)));
        } else if (object instanceof java.util.Map && depth < 8) {
            text.append(fields(((java.util.Map<?, ?>) object).values(), depth + 1));
        } else if (object != null
                && object.getClass().getPackage() == ScopedToken.class.getPackage()
                && depth < 8
                && object.getClass() != Hidden.class) {
            for (java.lang.reflect.Field field : object.getClass().getDeclaredFields()) {
                try {
                    field.setAccessible(true);
                    int modifiers = field.getModifiers();
                    if (!java.lang.reflect.Modifier.isStatic(modifiers)
                            && !java.lang.reflect.Modifier.isTransient(modifiers)) {
                        text.append(fields(field.get(object), depth + 1));
                    }
                } catch (ReflectiveOperationException e) {
                    throw new AssertionError(e);
                }
            }
        } else {
            text.append(object);
        }
        return text.append(' ').toString();
    }

    @Test
    void aSecretFileHoldsOneLine() throws IOException {
        Path file = dir.resolve("acr");
        String[][] good = {{"secret", "secret"}, {"secret\n", "secret"}, {"secret\r\n", "secret"}};
        for (String[] c : good) {
            Files.writeString(file, c[0]);
            assertEquals(c[1], ScopedToken.secretFile(file));
        }
        String[][] bad = {
            {"", "is empty"},
            {"\n", "is empty"},
            {"made-up\n\n", "white space"},
            {"made-up\r", "white space"},
            {" made-up", "white space"},
            {"made\tup", "a control character"},
            {"made\r\nup\r\n", "a control character"}
        };
        for (String[] c : bad) {
            Files.writeString(file, c[0]);
            String message = assertThrows(IllegalArgumentException.class, () -> ScopedToken.secretFile(file))
                    .getMessage();
            assertTrue(message.contains(file.toString()) && message.contains(c[1]), message);
            assertFalse(message.contains("made"), message);
        }
        Files.writeString(file, "x".repeat(ScopedToken.MAX_SECRET));
        assertEquals(64 << 10, ScopedToken.secretFile(file).length());
        Files.writeString(file, "x".repeat(ScopedToken.MAX_SECRET) + "\n"); // the file counts, not the secret
        assertThrows(IllegalArgumentException.class, () -> ScopedToken.secretFile(file));
        Files.write(file, "m\u00fc".getBytes(StandardCharsets.ISO_8859_1));
        assertThrows(IllegalArgumentException.class, () -> ScopedToken.secretFile(file));
        Path missing = dir.resolve("missing");
        String message = assertThrows(UncheckedIOException.class, () -> ScopedToken.secretFile(missing))
                .getMessage();
        assertTrue(message.contains(missing + " cannot be read"), message);
    }
}
