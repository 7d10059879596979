package io.github.acrkit;

import com.azure.core.http.HttpClient;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/**
 * A scope-mapped token of Azure Container Registry, as what the builders of Microsoft's clients take.
 *
 * <pre>{@code
 * ScopedToken acr = ScopedToken.of("myregistry.azurecr.io", "ci-pull", password);
 * ContainerRegistryClient client = new ContainerRegistryClientBuilder()
 *     .endpoint(acr.endpoint())
 *     .httpClient(acr.httpClient())
 *     .buildClient();
 * }</pre>
 *
 * <p>One instance may serve any number of clients, synchronous and asynchronous ones, and any number of threads; they
 * share its access tokens. It has nothing to close. {@link ScopedTokenBuilder} has further options.
 */
public final class ScopedToken {
    /** The longest secret that a file may hold, in bytes. */
    static final int MAX_SECRET = 64 << 10;

    private final Registry registry;
    private final HttpClient httpClient;
    private final String who;

    ScopedToken(Registry registry, HttpClient httpClient, String who) {
        this.registry = registry;
        this.httpClient = httpClient;
        this.who = who;
    }

    /**
     * Binds a token's name and password to a registry.
     *
     * @param endpoint a registry's name ({@code myregistry}), its login server ({@code myregistry.azurecr.io}), or its
     *     https URL
     * @param name the token's name, as {@code ci-pull}
     * @param password one of its passwords; see {@link NamePassword} for what else it may be
     * @return the token
     * @throws NullPointerException if one of them is null
     * @throws IllegalArgumentException if one of them is malformed, or the endpoint is a plain-HTTP address or not a
     *     login server of Azure Container Registry
     */
    public static ScopedToken of(String endpoint, String name, String password) {
        return new ScopedTokenBuilder().endpoint(endpoint).token(name, password).build();
    }

    /**
     * Binds a source of a name and password to a registry.
     *
     * @param endpoint as for {@link #of}
     * @param source called when a password is needed for the first time, and again when the registry has refused the
     *     last one
     * @return the token
     * @throws NullPointerException if one of them is null
     * @throws IllegalArgumentException as for {@link #of}
     */
    public static ScopedToken from(String endpoint, Callable<NamePassword> source) {
        return new ScopedTokenBuilder().endpoint(endpoint).source(source).build();
    }

    /**
     * Reads a secret from a file, now. One line feed at its end is left out, with a carriage return before it or not.
     *
     * @param path the file, of at most 64 KiB
     * @return the secret
     * @throws UncheckedIOException if the file cannot be read
     * @throws IllegalArgumentException if it is too long, no text, or empty, or if the secret begins or ends with
     *     white space, or has a control character; the message names the file, and never its content
     */
    public static String secretFile(Path path) {
        try (InputStream in = Files.newInputStream(path)) {
            byte[] content = in.readNBytes(MAX_SECRET + 1);
            if (content.length > MAX_SECRET) {
                throw new IllegalArgumentException("the file " + path + " is longer than " + MAX_SECRET + " bytes");
            }
            String secret = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(content))
                    .toString();
            return NamePassword.check("secret in the file " + path, secret.replaceFirst("\r?\n\\z", ""));
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("the file " + path + " is not text in UTF-8");
        } catch (IOException e) {
            throw new UncheckedIOException("the file " + path + " cannot be read: " + e, e);
        }
    }

    /**
     * Returns the registry's URL, for a client's {@code endpoint}.
     *
     * @return the URL, as {@code https://myregistry.azurecr.io}
     */
    public String endpoint() {
        return registry.url();
    }

    /**
     * Returns the HTTP client for a client's {@code httpClient}. The client gets no {@code credential}.
     *
     * @return the HTTP client, always the same one
     */
    public HttpClient httpClient() {
        return httpClient;
    }

    /** Returns a description without any secret. */
    @Override
    public String toString() {
        return "ScopedToken(" + who + " on " + registry + ")";
    }
}
