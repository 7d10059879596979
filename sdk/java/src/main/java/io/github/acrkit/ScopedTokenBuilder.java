package io.github.acrkit;

import com.azure.core.http.HttpClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.LongSupplier;

/**
 * Makes a {@link ScopedToken} with options.
 *
 * <pre>{@code
 * ScopedToken acr = new ScopedTokenBuilder()
 *     .endpoint("myregistry.azurecr.io")
 *     .token("ci-pull", password1)
 *     .secondPassword(password2)
 *     .build();
 * }</pre>
 */
public final class ScopedTokenBuilder {
    /** How long one token request may take, and one reading of a source. */
    static final Duration TOKEN_LIMIT = Duration.ofSeconds(30);

    private String endpoint;
    private NamePassword first;
    private transient String secondPassword; // libraries that write an object leave transient fields out
    private Callable<NamePassword> source;
    private HttpClient httpClient;
    private boolean customLoginServer;
    private Duration limit = TOKEN_LIMIT;
    private LongSupplier clock = System::nanoTime;

    /** Creates a builder. */
    public ScopedTokenBuilder() {}

    /**
     * Sets the registry that the credential is for. It goes to no other host.
     *
     * @param endpoint a registry's name ({@code myregistry}), its login server ({@code myregistry.azurecr.io}), or its
     *     https URL
     * @return this builder
     */
    public ScopedTokenBuilder endpoint(String endpoint) {
        this.endpoint = Objects.requireNonNull(endpoint, NamePassword.nullText("endpoint"));
        return this;
    }

    /**
     * Sets the token's name and password, instead of a {@link #source}.
     *
     * @param name the name, as {@code ci-pull}
     * @param password one of the token's passwords; see {@link NamePassword} for what else it may be
     * @return this builder
     * @throws IllegalArgumentException if either is malformed
     */
    public ScopedTokenBuilder token(String name, String password) {
        this.first = new NamePassword(name, password);
        return this;
    }

    /**
     * Sets the token's other password. When one of the two is refused, the other is tried, and remembered.
     *
     * @param secondPassword the other password
     * @return this builder
     */
    public ScopedTokenBuilder secondPassword(String secondPassword) {
        this.secondPassword = Objects.requireNonNull(secondPassword, NamePassword.nullText("secondPassword"));
        return this;
    }

    /**
     * Sets a source of the name and password, instead of {@link #token}. It is called when a password is needed for
     * the first time, and again when the registry has refused the last one; one call at a time, on a thread of its
     * own, for at most 30 seconds.
     *
     * @param source the source, as {@code () -> new NamePassword("ci-pull", ScopedToken.secretFile(path))}
     * @return this builder
     */
    public ScopedTokenBuilder source(Callable<NamePassword> source) {
        this.source = Objects.requireNonNull(source, "'source' cannot be null.");
        return this;
    }

    /**
     * Sets the HTTP client that sends the requests. It must not follow redirects by itself.
     *
     * @param httpClient the client; the default is {@link HttpClient#createDefault()}
     * @return this builder
     */
    public ScopedTokenBuilder httpClient(HttpClient httpClient) {
        this.httpClient = Objects.requireNonNull(httpClient, "'httpClient' cannot be null.");
        return this;
    }

    /**
     * Accepts an endpoint that is neither one of Azure Container Registry's by its name, nor this machine.
     *
     * @param customLoginServer true where the registry has a name of its own
     * @return this builder
     */
    public ScopedTokenBuilder customLoginServer(boolean customLoginServer) {
        this.customLoginServer = customLoginServer;
        return this;
    }

    ScopedTokenBuilder limit(Duration limit) {
        this.limit = limit;
        return this;
    }

    ScopedTokenBuilder clock(LongSupplier clock) {
        this.clock = clock;
        return this;
    }

    /**
     * Makes the token. Nothing is sent yet.
     *
     * @return the token
     * @throws IllegalStateException if the endpoint is missing, or not exactly one of token and source was set
     * @throws IllegalArgumentException if the endpoint is malformed, a plain-HTTP address, or not a login server of
     *     Azure Container Registry
     */
    public ScopedToken build() {
        if (endpoint == null || (first == null) == (source == null) || (secondPassword != null && first == null)) {
            throw new IllegalStateException("set endpoint, and either token (with secondPassword or not) or source");
        }
        Registry registry = Registry.parse(endpoint);
        if (!registry.isAcr() && !registry.isLoopback() && !customLoginServer) {
            throw new IllegalArgumentException(Refusals.otherHost(registry) + "; if the registry has a name "
                    + "of its own, say so: new ScopedTokenBuilder().customLoginServer(true)");
        }
        Credentials credentials = source == null
                ? Credentials.of(passwords(registry))
                : Credentials.from(() -> mayGoTo(registry, source.call()), limit);
        HttpClient inner = httpClient == null ? HttpClient.createDefault() : httpClient;
        TokenClient client = new TokenClient(registry, inner, credentials, limit, clock);
        return new ScopedToken(registry, client, source == null ? first.toString() : "source");
    }

    private List<NamePassword> passwords(Registry registry) {
        List<NamePassword> all = new ArrayList<>(List.of(mayGoTo(registry, first)));
        if (secondPassword != null) {
            all.add(mayGoTo(registry, new NamePassword(first.name(), secondPassword)));
        }
        return all;
    }

    /** Refuses to give a token that can do far more than pull to a host that is not one of Microsoft's. */
    private static NamePassword mayGoTo(Registry registry, NamePassword pair) {
        if (pair != null && pair.isForResourceManager() && !registry.isAcr() && !registry.isLoopback()) {
            throw new IllegalArgumentException("the Entra token is for Azure Resource Manager, and " + registry
                    + " is not one of Microsoft's hosts; ask for the audience https://containerregistry.azure.net");
        }
        return pair;
    }
}
