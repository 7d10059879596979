package io.github.acrkit;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a registry's Bearer challenge asks for (RFC 9110, section 11.6.1). */
final class Challenge {
    /** The longest header that is read, in characters: the longest scope, with some room for the rest. */
    static final int MAX_LENGTH = Scope.MAX_LENGTH + (4 << 10);

    private static final String WORD = "([!#$%&'*+.^_`|~0-9A-Za-z-]++)";

    /** A scheme, and perhaps a word like a credential that fills the challenge (token68). */
    private static final Pattern SCHEME =
            Pattern.compile(WORD + "(?=[ \\t,]|\\z)([ \\t]+[!-~&&[^\",=]]++=*+[ \\t]*+(?=,|\\z))?");

    private static final Pattern PARAMETER = Pattern.compile(WORD + "[ \\t]*+=[ \\t]*+(?:\"|" + WORD + ")");
    private static final Pattern END = Pattern.compile("[ \\t]*+(?:,|\\z)");
    private static final Pattern GAP = Pattern.compile("[ \\t,]*+");

    /** The URL of the token service, or ""; evidence only, it is never called. */
    final String realm;

    final String service;
    final Scope scope;
    /** "", "insufficient_scope" or "invalid_token" (RFC 6750, section 3.1). */
    final String error;

    private Challenge(Map<String, String> parameters) {
        realm = parameters.getOrDefault("realm", "");
        service = parameters.getOrDefault("service", "");
        scope = Scope.parse(parameters.getOrDefault("scope", ""));
        error = parameters.getOrDefault("error", "");
    }

    /**
     * Returns the first Bearer challenge of the values of WWW-Authenticate, or null.
     *
     * @throws IllegalArgumentException if a value cannot be read
     */
    static Challenge of(List<String> values) {
        Challenge first = null;
        for (String value : values) {
            if (value.length() > MAX_LENGTH) {
                throw new IllegalArgumentException("the challenge is too long");
            }
            Challenge found = read(value);
            first = first == null ? found : first;
        }
        return first;
    }

    private static Challenge read(String value) {
        Map<String, String> bearer = null;
        Map<String, String> current = null; // null where no parameter may follow
        Matcher m = GAP.matcher(value);
        while (m.usePattern(GAP).lookingAt()
                && m.region(m.end(), value.length()).regionStart() < value.length()) {
            if (current != null && m.usePattern(PARAMETER).lookingAt()) {
                String name = m.group(1).toLowerCase(Locale.ROOT);
                StringBuilder text = new StringBuilder();
                int end = m.group(2) == null ? unquote(value, m.end(), text) : m.end();
                String given = m.group(2) == null ? text.toString() : m.group(2);
                boolean twice = current.put(name, given) != null; // another reader would take the other one
                m.region(end, value.length());
                if (twice || !m.usePattern(END).lookingAt()) {
                    throw malformed();
                }
            } else if (m.usePattern(SCHEME).lookingAt()) {
                current = m.group(2) == null ? new HashMap<>() : null;
                if (bearer == null && m.group(1).equalsIgnoreCase("bearer")) {
                    bearer = current == null ? Map.of() : current;
                }
                m.region(m.end(), value.length());
            } else {
                throw malformed();
            }
        }
        return bearer == null ? null : new Challenge(bearer);
    }

    /** Appends a quoted text that begins at an index, and returns the index after its closing quote. */
    private static int unquote(String value, int begin, StringBuilder text) {
        for (int i = begin; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"') {
                return i + 1;
            }
            if (c == '\\' && i + 1 < value.length()) {
                c = value.charAt(++i);
            }
            if ((c < ' ' && c != '\t') || c == 0x7f) {
                throw malformed();
            }
            text.append(c);
        }
        throw malformed();
    }

    private static IllegalArgumentException malformed() {
        return new IllegalArgumentException("the challenge is malformed");
    }
}
