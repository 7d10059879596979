package io.github.acrkit;

/** A value that must not be printed, logged or written as JSON. */
final class Secret {
    private final transient String value; // libraries that write an object's fields leave transient ones out

    Secret(String value) {
        this.value = value;
    }

    String reveal() {
        return value;
    }

    @Override
    public String toString() {
        return "[redacted]";
    }
}
