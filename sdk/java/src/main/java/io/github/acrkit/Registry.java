package io.github.acrkit;

import java.net.InetAddress;
import java.net.URL;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.regex.Pattern;

/** A login server: the one origin that a credential goes to. */
final class Registry {
    /** A registry's name is exactly one label before these; public, US and China clouds. */
    private static final Pattern ACR = Pattern.compile("[^.:]+(\\.[^.:]+\\.geo)?(\\.azurecr\\.(io|us|cn))");

    private static final Pattern LABEL = Pattern.compile("[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?");
    private static final Pattern PORT = Pattern.compile("[1-9][0-9]{0,4}");
    private static final Pattern LOOPBACK_V4 =
            Pattern.compile("127(\\.(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])){3}");
    private static final int MAX_HOST = 253;
    private static final int MAX_PORT = 65535;
    private static final int SHOWN = 120;

    private final String hostname; // lower case; an IPv6 address stands in brackets
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
        if (text.isEmpty()) {
            throw malformed(text, "is empty");
        }
        if (!text.equals(text.trim())) {
            throw malformed(text, "begins or ends with white space");
        }
        if (text.regionMatches(true, 0, "http://", 0, 7)) {
            throw malformed(text, "is a plain-HTTP address; name the host alone, it is spoken to over https");
        }
        String rest = text.regionMatches(true, 0, "https://", 0, 8) ? text.substring(8) : text;
        if (rest.endsWith("/")) {
            rest = rest.substring(0, rest.length() - 1);
        }
        if (rest.indexOf('@') >= 0) {
            throw malformed(text, "must not carry a user name or password");
        }
        if (rest.matches("(?s).*[/?#].*")) {
            throw malformed(text, "must be a host name alone, without a path or query");
        }
        // Before the case is folded: there are letters outside ASCII whose lower case is inside it.
        if (!rest.matches("[A-Za-z0-9._-]+(:.*)?|\\[[A-Fa-f0-9:.]+](:.*)?")) {
            throw malformed(text, "is not a host name");
        }
        int colon = rest.indexOf(':', rest.indexOf(']') + 1);
        String host = (colon < 0 ? rest : rest.substring(0, colon)).toLowerCase(Locale.ROOT);
        String port = colon < 0 ? "" : rest.substring(colon + 1);
        if (colon >= 0 && (!PORT.matcher(port).matches() || Integer.parseInt(port) > MAX_PORT)) {
            throw malformed(text, "has a bad port");
        }
        if (host.startsWith("[")) {
            if (address(host) == null) {
                throw malformed(text, "is not a host name");
            }
        } else if (!isHostname(host)) {
            throw malformed(text, "is not a host name");
        }
        boolean bare = !host.startsWith("[") && host.indexOf('.') < 0 && !host.equals("localhost");
        if (bare && port.isEmpty()) {
            return new Registry(host + ".azurecr.io", "");
        }
        // A machine's bare name keeps its port: without it, it would read as a registry's name.
        return new Registry(host, port.equals("443") && !bare ? "" : port);
    }

    private static IllegalArgumentException malformed(String text, String why) {
        String shown = text.substring(text.lastIndexOf('@') + 1); // what is before it may be a password
        shown = shown.replaceAll("[?#].*", "?...").replaceAll("[\\p{Cc}\\p{Cf}]", " ");
        shown = (text.indexOf('@') < 0 ? "" : "...@") + (shown.length() > SHOWN ? shown.substring(0, SHOWN) : shown);
        return new IllegalArgumentException("the endpoint \"" + shown + "\" " + why);
    }

    private static boolean isHostname(String host) {
        if (host.length() > MAX_HOST) {
            return false;
        }
        for (String label : host.split("\\.", -1)) {
            if (!LABEL.matcher(label).matches()) {
                return false;
            }
        }
        return true;
    }

    /** Returns the address that a text in brackets is, or null. Nothing is resolved. */
    private static InetAddress address(String bracketed) {
        try {
            return InetAddress.getByName(bracketed);
        } catch (UnknownHostException e) {
            return null;
        }
    }

    /** Returns the host with its port, as it stands in a token's service. */
    String host() {
        return port.isEmpty() ? hostname : hostname + ":" + port;
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
     * not, because HTTP clients differ in what they take for its host.
     */
    boolean isHome(URL url) {
        String authority = url.getAuthority();
        boolean plain = authority != null && authority.indexOf('@') < 0 && url.getRef() == null;
        if (!plain || !url.getProtocol().equalsIgnoreCase("https")) {
            return false;
        }
        authority = authority.toLowerCase(Locale.ROOT);
        if (authority.startsWith("[") && hostname.startsWith("[")) {
            InetAddress there = address(url.getHost());
            return there != null
                    && there.equals(address(hostname))
                    && portOf(url).equals(port);
        }
        return authority.equals(host()) || (port.isEmpty() && authority.equals(hostname + ":443"));
    }

    private static String portOf(URL url) {
        return url.getPort() < 0 || url.getPort() == 443 ? "" : Integer.toString(url.getPort());
    }

    /**
     * Reports whether a challenge's realm is the registry's own token service, or where a regional endpoint is one of
     * the two, that of the registry of the same name. It is never called.
     */
    boolean isOwnRealm(String realm) {
        URL url;
        try {
            url = new URL(realm);
        } catch (java.net.MalformedURLException e) {
            return false;
        }
        if (isHome(url)) {
            return true;
        }
        if (!isAcr() || !url.getProtocol().equalsIgnoreCase("https")) {
            return false;
        }
        try {
            Registry other = parse(url.getAuthority());
            return other.isAcr() && other.name().equals(name()) && other.cloud().equals(cloud());
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private String cloud() {
        return hostname.substring(hostname.lastIndexOf('.'));
    }

    @Override
    public String toString() {
        return host();
    }
}
