package io.github.acrkit;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.regex.Pattern;

/** Text of a server, made fit for a message. */
final class Text {
    /** The longest text of a server that a message repeats, in characters. */
    static final int MAX_SAID = 512;

    private static final String MARK = "[redacted]";

    /** What looks like a signed token: its first part begins as every JSON object does. */
    private static final Pattern JWT =
            Pattern.compile("eyJ[A-Za-z0-9_-]{4,}\\.[A-Za-z0-9_=-]++(?:\\.[A-Za-z0-9_=-]*+)?");

    private Text() {}

    /** Returns a text as a part of one line, without the secrets, and at most {@link #MAX_SAID} characters of it. */
    static String line(String text, Collection<String> secrets) {
        String line = without(text.replaceAll("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]", " "), secrets)
                .strip();
        return line.length() > MAX_SAID ? line.substring(0, MAX_SAID) + "…" : line;
    }

    /** Returns a text without the secrets, as they are, or as a URL or Basic authentication spells them. */
    static String without(String text, Collection<String> secrets) {
        String left = text;
        for (String secret : secrets) {
            String url = URLEncoder.encode(secret, StandardCharsets.UTF_8);
            String basic = Base64.getEncoder().encodeToString(Claims.utf8(secret));
            for (String form : Arrays.asList(secret, url, basic)) {
                // To replace one or two characters would make the text unreadable and hide nothing.
                left = form.length() <= 2 ? left : left.replace(form, MARK);
            }
        }
        return JWT.matcher(left).replaceAll(MARK);
    }
}
