package io.github.acrkit;

import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What a registry's Bearer challenge asks for (RFC 9110, section 11.6.1). */
final class Challenge {
    /** The longest header that is read, in characters: the longest scope, with some room for the rest. */
    static final int MAX_LENGTH = Scope.MAX_LENGTH + (4 << 10);

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
            Challenge found = new Parser(value).firstBearer();
            first = first == null ? found : first;
        }
        return first;
    }

    private static final class Parser {
        private final String text;
        private int at;

        Parser(String text) {
            this.text = text;
        }

        Challenge firstBearer() {
            Challenge first = null;
            while (true) {
                skip(" \t,");
                if (ended()) {
                    return first;
                }
                String scheme = token().toLowerCase(Locale.ROOT);
                if (scheme.isEmpty() || !(ended() || peek(" \t,"))) {
                    throw malformed();
                }
                skip(" \t");
                Map<String, String> parameters = token68() ? Map.of() : parameters();
                if (first == null && scheme.equals("bearer")) {
                    first = new Challenge(parameters);
                }
            }
        }

        /** Reads parameters up to the end or to the next challenge: a word that is not followed by "=". */
        private Map<String, String> parameters() {
            Map<String, String> parameters = new HashMap<>();
            while (true) {
                int mark = at;
                skip(" \t,");
                String name = token().toLowerCase(Locale.ROOT);
                skip(" \t");
                if (name.isEmpty() || !peek("=")) {
                    at = mark; // what is no challenge either, fails as one
                    return parameters;
                }
                at++;
                skip(" \t");
                String value = peek("\"") ? quoted() : token();
                boolean twice = parameters.put(name, value) != null; // another reader would take the other one
                skip(" \t");
                if (twice || !(ended() || peek(",")) || (value.isEmpty() && text.charAt(at - 1) != '"')) {
                    throw malformed();
                }
            }
        }

        private String quoted() {
            StringBuilder value = new StringBuilder();
            for (at++; !ended(); at++) {
                char c = text.charAt(at);
                if (c == '"') {
                    at++;
                    return value.toString();
                }
                if (c == '\\' && ++at < text.length()) {
                    c = text.charAt(at);
                }
                if ((c < ' ' && c != '\t') || c == 0x7f) {
                    throw malformed();
                }
                value.append(c);
            }
            throw malformed();
        }

        /** Skips a word like a credential that fills the challenge, if there is one. */
        private boolean token68() {
            int mark = at;
            while (!ended() && (isTokenChar(text.charAt(at)) || peek("/"))) {
                at++;
            }
            boolean some = at > mark;
            while (some && peek("=")) {
                at++;
            }
            skip(" \t");
            boolean fills = some && (ended() || peek(","));
            if (!fills) {
                at = mark;
            }
            return fills;
        }

        private String token() {
            int start = at;
            while (!ended() && isTokenChar(text.charAt(at))) {
                at++;
            }
            return text.substring(start, at);
        }

        private void skip(String set) {
            while (peek(set)) {
                at++;
            }
        }

        private boolean peek(String set) {
            return !ended() && set.indexOf(text.charAt(at)) >= 0;
        }

        private boolean ended() {
            return at >= text.length();
        }

        private static boolean isTokenChar(char c) {
            return (c >= '0' && c <= '9')
                    || (c >= 'a' && c <= 'z')
                    || (c >= 'A' && c <= 'Z')
                    || "!#$%&'*+-.^_`|~".indexOf(c) >= 0;
        }

        private static IllegalArgumentException malformed() {
            return new IllegalArgumentException("the challenge is malformed");
        }
    }
}
