package io.github.acrkit;

import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/** An immutable set of rights: actions on resources. Its text is canonical: equal exactly when the sets are. */
final class Scope {
    /** The longest scope that is read or asked for, in bytes. It travels in a header on its way back. */
    static final int MAX_LENGTH = 64 << 10;

    static final Scope EMPTY = new Scope(Collections.emptySortedMap());
    static final Scope CATALOG = EMPTY.with("registry", "catalog", Collections.singleton("*"));

    /** The actions by resource; its key is "TYPE\0NAME", so that it sorts by type, then by name. */
    private final SortedMap<String, SortedSet<String>> rights;

    private Scope(SortedMap<String, SortedSet<String>> rights) {
        this.rights = rights;
    }

    /** Returns the set with further actions on a resource. */
    Scope with(String type, String name, Collection<String> actions) {
        if (actions.isEmpty()) {
            return this;
        }
        SortedMap<String, SortedSet<String>> all = new TreeMap<>(rights);
        SortedSet<String> both = new TreeSet<>(all.getOrDefault(type + '\0' + name, Collections.emptySortedSet()));
        both.addAll(actions);
        all.put(type + '\0' + name, both);
        return new Scope(all);
    }

    /**
     * Reads items TYPE:NAME:ACTION[,ACTION...] separated by spaces.
     *
     * @throws IllegalArgumentException if it cannot be read
     */
    static Scope parse(String text) {
        if (text.length() > MAX_LENGTH) {
            throw new IllegalArgumentException("the scope is too long");
        }
        Scope scope = EMPTY;
        for (String item : text.split(" ")) {
            if (item.isEmpty()) {
                continue;
            }
            int first = item.indexOf(':');
            int last = item.lastIndexOf(':');
            if (!item.matches("[!-~&&[^\"\\\\]]+") || first < 1 || last <= first + 1 || last == item.length() - 1) {
                throw new IllegalArgumentException("the scope is malformed");
            }
            List<String> actions = List.of(item.substring(last + 1).split(",", -1));
            if (actions.contains("")) {
                throw new IllegalArgumentException("the scope has an empty action");
            }
            scope = scope.with(item.substring(0, first), item.substring(first + 1, last), actions);
        }
        return scope;
    }

    boolean isEmpty() {
        return rights.isEmpty();
    }

    boolean contains(Scope other) {
        return other.minus(this).isEmpty();
    }

    /** Returns the rights in this set that are not in the other. */
    Scope minus(Scope other) {
        SortedMap<String, SortedSet<String>> left = new TreeMap<>();
        rights.forEach((resource, actions) -> {
            SortedSet<String> words = new TreeSet<>(actions);
            words.removeAll(other.rights.getOrDefault(resource, Collections.emptySortedSet()));
            if (!words.isEmpty()) {
                left.put(resource, words);
            }
        });
        return new Scope(left);
    }

    /** Returns the rights on the resources that the other set names, too. */
    Scope onResourcesOf(Scope other) {
        SortedMap<String, SortedSet<String>> left = new TreeMap<>(rights);
        left.keySet().retainAll(other.rights.keySet());
        return new Scope(left);
    }

    /** Returns the actions by the name of their resource. */
    SortedMap<String, SortedSet<String>> byName() {
        SortedMap<String, SortedSet<String>> out = new TreeMap<>();
        rights.forEach((key, actions) -> out.put(key.substring(key.indexOf('\0') + 1), actions));
        return out;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        rights.forEach((resource, actions) -> text.append(text.length() == 0 ? "" : " ")
                .append(resource.replace('\0', ':'))
                .append(':')
                .append(String.join(",", actions)));
        return text.toString();
    }
}
