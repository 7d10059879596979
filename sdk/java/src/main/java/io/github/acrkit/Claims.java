package io.github.acrkit;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The claims of a signed token, as evidence: the signature is not checked, and a token without claims is as good. */
final class Claims {
    /** The longest token that is read or sent, in characters. It travels in a header. */
    static final int MAX_TOKEN = 64 << 10;

    /** How long a token is used whose life is unknown. */
    static final Duration UNKNOWN_LIFE = Duration.ofSeconds(60);

    static final Duration LONGEST_LIFE = Duration.ofDays(1);

    private static final double YEAR_9999 = 253402300799d;

    /** Source: the audiences that the official clients list for Azure Resource Manager, for each cloud. */
    private static final Set<String> RESOURCE_MANAGERS = Set.of(
            "management.azure.com",
            "management.core.windows.net",
            "management.usgovcloudapi.net",
            "management.core.usgovcloudapi.net",
            "management.chinacloudapi.cn",
            "management.core.chinacloudapi.cn");

    private final Map<?, ?> claims;

    private Claims(Map<?, ?> claims) {
        this.claims = claims;
    }

    static Claims of(String token) {
        String[] parts = token.split("\\.", -1);
        if (token.length() > MAX_TOKEN || parts.length != 3) {
            return new Claims(Collections.emptyMap());
        }
        try {
            // RFC 7515, section 2: base64url without padding. Some issuers pad all the same.
            return new Claims(Json.object(Base64.getUrlDecoder().decode(parts[1])));
        } catch (IllegalArgumentException e) {
            return new Claims(Collections.emptyMap());
        }
    }

    /** What a password is. */
    enum Kind {
        PASSWORD,
        REFRESH_TOKEN,
        ENTRA_TOKEN,
        ACCESS_TOKEN
    }

    /** Says what a password is, by its own claims, or by the user name that Microsoft's tools put beside a token. */
    static Kind kindOf(String user, String password) {
        Claims claims = of(password);
        String issuer = Json.text(claims.claims.get("iss"));
        if (issuer.equals("Azure Container Registry")) { // recorded
            boolean access = Json.text(claims.claims.get("grant_type")).equals("access_token");
            return access ? Kind.ACCESS_TOKEN : Kind.REFRESH_TOKEN;
        }
        if (issuer.matches("(?i)https://[a-z0-9].*")
                || claims.audiences().contains("containerregistry.azure.net")
                || claims.isForResourceManager()) {
            return Kind.ENTRA_TOKEN;
        }
        boolean named = user.equals("00000000-0000-0000-0000-000000000000") || user.equals("<token>");
        return named ? Kind.REFRESH_TOKEN : Kind.PASSWORD;
    }

    /** Returns the audiences, as hosts where they are https URLs. */
    private List<String> audiences() {
        Object aud = claims.get("aud");
        List<String> all = new ArrayList<>(Collections.singleton(Json.text(aud)));
        Json.list(aud).forEach(a -> all.add(Json.text(a)));
        all.replaceAll(
                a -> a.replaceAll("/+$", "").replaceFirst("^https://", "").toLowerCase(Locale.ROOT));
        return all;
    }

    /** Reports whether a token opens Azure Resource Manager, in any cloud: it can do far more than pull. */
    boolean isForResourceManager() {
        return audiences().stream().anyMatch(RESOURCE_MANAGERS::contains);
    }

    /** Returns the rights of the access claim; null if there is none. */
    Scope granted() {
        if (!claims.containsKey("access")) {
            return null;
        }
        Scope granted = Scope.EMPTY;
        for (Object item : Json.list(claims.get("access"))) {
            List<String> actions = new ArrayList<>();
            Json.list(field(item, "actions")).forEach(a -> actions.add(Json.text(a)));
            granted = granted.with(Json.text(field(item, "type")), Json.text(field(item, "name")), actions);
        }
        return granted;
    }

    /** Returns a field whose name some tokens write in capitals (recorded). */
    private static Object field(Object item, String name) {
        return Json.map(item).entrySet().stream()
                .filter(e -> name.equalsIgnoreCase(String.valueOf(e.getKey())))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(null);
    }

    /**
     * Returns the token's life: its expiry less the Date of the answer that it came in. Both are the server's own
     * clock, because this machine's may be hours off.
     *
     * @param date the header, or null
     */
    Duration life(String date) {
        Object exp = claims.get("exp");
        double seconds = exp instanceof Number ? ((Number) exp).doubleValue() : 0;
        if (date == null || !(seconds > 0 && seconds <= YEAR_9999)) {
            return UNKNOWN_LIFE;
        }
        try {
            Instant received = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(date));
            Duration life = Duration.between(received, Instant.ofEpochSecond((long) seconds));
            if (life.isNegative() || life.isZero()) {
                return UNKNOWN_LIFE; // of two clocks that differ
            }
            return life.compareTo(LONGEST_LIFE) > 0 ? LONGEST_LIFE : life;
        } catch (DateTimeException e) {
            return UNKNOWN_LIFE;
        }
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
