package io.github.acrkit;

import java.util.Objects;
import java.util.regex.Pattern;

/**
 * The name of a scope-mapped token with one of its passwords, or any user name and password that the registry takes:
 * the admin user's, an ACR refresh token, or a Microsoft Entra token as the password.
 */
public final class NamePassword {
    private static final Pattern SHOWN = Pattern.compile("[A-Za-z0-9<][A-Za-z0-9<>@._-]{0,49}");

    private final String name;
    private final transient String password; // libraries that write an object leave transient fields out
    private final Claims.Kind kind;

    /**
     * Creates a pair.
     *
     * @param name the name, as {@code ci-pull}
     * @param password the password, at most 64 KiB
     * @throws NullPointerException if either is null
     * @throws IllegalArgumentException if either is empty, begins or ends with white space, or has a control
     *     character; if the password is an ACR access token, which is good for nothing but requests
     */
    public NamePassword(String name, String password) {
        this.name = check("token's name", Objects.requireNonNull(name, nullText("name")));
        this.password = check("password of \"" + name + "\"", Objects.requireNonNull(password, nullText("password")));
        this.kind = Claims.kindOf(name, password);
        if (kind == Claims.Kind.ACCESS_TOKEN) {
            throw new IllegalArgumentException("the password of \"" + name + "\" is an ACR access token, good for one "
                    + "scope; give a token's password, an ACR refresh token or an Entra token");
        }
    }

    static String nullText(String what) {
        return "'" + what + "' cannot be null. Is the environment variable that it comes from set?";
    }

    static String check(String what, String value) {
        String why = null;
        if (value.isEmpty()) {
            why = "is empty";
        } else if (!value.equals(value.strip())) {
            why = "begins or ends with white space (perhaps a line feed from a file)";
        } else if (value.chars().anyMatch(c -> c < ' ' || c == 0x7f)) {
            why = "has a control character";
        } else if (value.length() > Claims.MAX_TOKEN) {
            why = "is longer than " + Claims.MAX_TOKEN + " characters";
        }
        if (why != null) {
            throw new IllegalArgumentException("the " + what + " " + why);
        }
        return value;
    }

    String name() {
        return name;
    }

    String password() {
        return password;
    }

    Claims.Kind kind() {
        return kind;
    }

    boolean isForResourceManager() {
        return kind == Claims.Kind.ENTRA_TOKEN && Claims.of(password()).isForResourceManager();
    }

    /** Reports whether both the names and the passwords are equal. */
    @Override
    public boolean equals(Object other) {
        return other instanceof NamePassword
                && name.equals(((NamePassword) other).name)
                && password.equals(((NamePassword) other).password);
    }

    @Override
    public int hashCode() {
        return Objects.hash(name, password);
    }

    /** Returns a description without the secret, as {@code token "ci-pull"}. */
    @Override
    public String toString() {
        switch (kind) {
            case REFRESH_TOKEN:
                return "ACR refresh token";
            case ENTRA_TOKEN:
                return "Entra access token";
            default:
                // What cannot be a name is not shown: it may be the password in the name's place.
                return SHOWN.matcher(name).matches() ? "token \"" + name + "\"" : "token";
        }
    }
}
