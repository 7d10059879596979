package io.github.acrkit;

import java.net.InetAddress;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A login server: the one origin that a credential goes to. */
final class Registry {
    /** A registry's name is exactly one label before these; public, US and China clouds. */
    private static final Pattern ACR = Pattern.compile("[^.:]+(\\.[^.:]+\\.geo)?(\\.azurecr\\.(io|us|cn))");

    /** A regional endpoint of Azure's and, at any port, of the emulator's. */
    private static final Pattern REGIONAL =
            Pattern.compile("([^.:]+)\\.[^.:]+\\.geo(\\.azurecr\\.((io|us|cn)|localhost(:[0-9]+)?))");

    private static final String LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";

    /** No case is folded outside ASCII: there are letters there whose lower case is inside it. */
    private static final Pattern HOST = Pattern.compile("(?i)(?<host>(?=.{1,253}(:|$))" + LABEL + "(\\." + LABEL
            + ")*|\\[[a-f0-9:.]+])(:(?<port>[1-9][0-9]{0,4}))?");

    private static final Pattern LOOPBACK_V4 =
            Pattern.compile("127(\\.(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])){3}");
    private static final int MAX_PORT = 65535;
    private static final int SHOWN = 120;

    private final String hostname; // lower case; an IPv6 address is in brackets
    private final String port; // "" for 443

    private Registry(String hostname, String port) {
        this.hostname = hostname;
        this.port = port;
    }

    /**
     * Reads a bare name ("myregistry", taken as myregistry.azurecr.io), a login server, or its https URL.
     *
     * @throws IllegalArgumentException if it is none of these
     */
    static Registry parse(String text) {
        Registry given = origin(text);
        boolean bare = given.isBare() && given.port.isEmpty();
        return bare ? new Registry(given.hostname + ".azurecr.io", "") : given;
    }

    private static Registry origin(String text) {
        if (!text.equals(text.trim())) {
            throw malformed(text, "begins or ends with white space");
        }
        if (text.regionMatches(true, 0, "http://", 0, 7)) {
            throw malformed(text, "is a plain-HTTP address; name the host alone, it is spoken to over https");
        }
        String rest = text.replaceFirst("^(?i:https://)", "").replaceFirst("/\\z", "");
        if (rest.indexOf('@') >= 0) {
            throw malformed(text, "must not carry a user name or password");
        }
        if (rest.matches("(?s).*[/?#].*")) {
            throw malformed(text, "must be a host name alone, without a path or query");
        }
        Matcher m = HOST.matcher(rest);
        if (!m.matches() || (rest.startsWith("[") && address(m.group("host")) == null)) {
            throw malformed(text, "is not a host name, alone or with a port");
        }
        String port = m.group("port") == null ? "" : m.group("port");
        if (!port.isEmpty() && Integer.parseInt(port) > MAX_PORT) {
            throw malformed(text, "has a bad port");
        }
        Registry given = new Registry(m.group("host").toLowerCase(Locale.ROOT), port);
        // A machine's bare name keeps its port: without it, it would read as a registry's name.
        return port.equals("443") && !given.isBare() ? new Registry(given.hostname, "") : given;
    }

    private boolean isBare() {
        return !hostname.startsWith("[") && hostname.indexOf('.') < 0 && !hostname.equals("localhost");
    }

    private static IllegalArgumentException malformed(String text, String why) {
        String shown = text.substring(text.lastIndexOf('@') + 1); // what is before it may be a password
        shown = shown.replaceAll("[?#].*", "?...").replaceAll("[\\p{Cc}\\p{Cf}]", " ");
        shown = (text.indexOf('@') < 0 ? "" : "...@") + (shown.length() > SHOWN ? shown.substring(0, SHOWN) : shown);
        return new IllegalArgumentException("the endpoint \"" + shown + "\" " + why);
    }

    /** Returns the address that a text in brackets is, or null. Nothing is resolved. */
    private static InetAddress address(String bracketed) {
        try {
            return InetAddress.getByName(bracketed);
        } catch (UnknownHostException e) {
            return null;
        }
    }

    /** Returns the host with its port. */
    String host() {
        return port.isEmpty() ? hostname : hostname + ":" + port;
    }

    /** Returns the login server that tokens are asked for: at a regional endpoint, that of its registry. */
    String service() {
        Matcher m = REGIONAL.matcher(host());
        return m.matches() ? m.group(1) + m.group(2) : host();
    }

    /** Returns the origin as a URL without a path. */
    String url() {
        return "https://" + host();
    }

    /** Returns the first label of the host. */
    String name() {
        return hostname.split("\\.", 2)[0];
    }

    /** Reports whether the host is one of Azure Container Registry's, a regional endpoint's included, at port 443. */
    boolean isAcr() {
        return port.isEmpty() && ACR.matcher(hostname).matches();
    }

    /** Reports whether the host is this machine by its name alone (RFC 6761, section 6.3). */
    boolean isLoopback() {
        if (hostname.startsWith("[")) {
            return address(hostname).isLoopbackAddress();
        }
        return hostname.equals("localhost")
                || hostname.endsWith(".localhost")
                || LOOPBACK_V4.matcher(hostname).matches();
    }

    /**
     * Reports whether a URL has the registry's origin: scheme, host and port. One with a user name or a fragment has
     * not, because HTTP clients differ about its host.
     */
    boolean isHome(URL url) {
        Registry there = url.getRef() == null ? at(url) : null;
        return there != null
                && there.port.equals(port)
                && (there.hostname.equals(hostname)
                        || (hostname.startsWith("[")
                                && there.hostname.startsWith("[")
                                && address(hostname).equals(address(there.hostname))));
    }

    /** Returns the origin of an https URL; null if it has none that could be a registry's. */
    private static Registry at(URL url) {
        try {
            return origin(url.getProtocol() + "://" + url.getAuthority());
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /**
     * Reports whether a challenge's realm is the registry's own token service or, at a regional endpoint, that of its
     * login server. It is never called.
     */
    boolean isOwnRealm(String realm) {
        try {
            URL url = new URL(realm);
            return isHome(url) || parse(service()).isHome(url);
        } catch (MalformedURLException e) {
            return false;
        }
    }

    @Override
    public String toString() {
        return host();
    }
}
