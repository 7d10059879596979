package io.github.acrkit;

import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.HttpHeaderName;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Why the registry refused a request: a code for programs, and a text for people that says what to do.
 *
 * <p>The clients throw their own exceptions ({@code ClientAuthenticationException},
 * {@code ResourceNotFoundException}, {@code HttpResponseException}); {@link #of} reads a refusal from one.
 */
public final class Refusal {
    static final HttpHeaderName HEADER = HttpHeaderName.fromString("acrkit-refusal");

    private static final Pattern FACT = Pattern.compile("\\{([a-z_]+)}");
    private static final Map<?, ?> SENTENCES = sentences();

    private final String code;
    private final String sentence;
    private final Map<String, String> facts;

    Refusal(String code, String sentence, Map<String, String> facts) {
        this.code = code;
        this.sentence = sentence;
        this.facts = Collections.unmodifiableMap(new TreeMap<>(facts));
    }

    /**
     * Returns the refusal in an exception of the clients; empty if it is of another kind.
     *
     * @param exception what a client threw
     * @return the refusal
     */
    public static Optional<Refusal> of(HttpResponseException exception) {
        String header =
                exception.getResponse() == null ? null : exception.getResponse().getHeaderValue(HEADER);
        if (header == null) {
            return Optional.empty();
        }
        Map<?, ?> read = Json.object(Claims.utf8(header));
        Map<String, String> facts = new TreeMap<>();
        Json.map(read.get("facts")).forEach((name, value) -> facts.put(String.valueOf(name), Json.text(value)));
        return Optional.of(new Refusal(Json.text(read.get("code")), Json.text(read.get("sentence")), facts));
    }

    /**
     * Returns the code: {@code insufficient_scope}, {@code credential_rejected}, {@code not_found},
     * {@code host_refused}, {@code locked}, {@code denied}, {@code usage}, {@code too_large} or {@code protocol}.
     *
     * @return the code
     */
    public String getCode() {
        return code;
    }

    /**
     * Returns the facts that the message is made of by their names, as {@code repository} and {@code actions}.
     *
     * @return the facts; the map cannot be changed
     */
    public Map<String, String> getFacts() {
        return facts;
    }

    /**
     * Returns what happened, and on a line of its own what to do, where that is known.
     *
     * @return the text
     */
    public String getMessage() {
        String text = fill("text", false);
        String fix = fill("fix", true);
        return text.isEmpty() || fix.isEmpty() ? text + fix : text + "\n" + fix;
    }

    /** Returns the key of the sentence, as in sentences.json. */
    String sentence() {
        return sentence;
    }

    /** Returns the refusal as the value of a header: JSON in ASCII. */
    String header() {
        Map<String, Object> all = new TreeMap<>(Map.of("code", code, "sentence", sentence, "facts", facts));
        StringBuilder ascii = new StringBuilder();
        Json.write(all).chars().forEach(c -> ascii.append(c < 0x7f ? "" + (char) c : String.format("\\u%04x", c)));
        return ascii.toString();
    }

    /** Returns a part of the sentence with its facts; "" if it lacks one that it must have: half a command is none. */
    private String fill(String part, boolean whole) {
        Matcher m = FACT.matcher(Json.text(Json.map(SENTENCES.get(sentence)).get(part)));
        StringBuilder out = new StringBuilder();
        while (m.find()) {
            String value = facts.getOrDefault(m.group(1), "");
            if (whole && value.isEmpty()) {
                return "";
            }
            m.appendReplacement(out, Matcher.quoteReplacement(value));
        }
        return m.appendTail(out).toString();
    }

    private static Map<?, ?> sentences() {
        try (InputStream in = Refusal.class.getResourceAsStream("sentences.json")) {
            return Json.object(in.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the code and the message. */
    @Override
    public String toString() {
        return code + ": " + getMessage();
    }
}
