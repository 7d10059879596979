package io.github.acrkit;

import com.azure.json.JsonProviders;
import com.azure.json.JsonReader;
import com.azure.json.JsonToken;
import com.azure.json.JsonWriter;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** JSON as maps, lists and plain values. */
final class Json {
    private Json() {}

    /** Returns the object that a document is; an empty one if it is anything else. */
    static Map<?, ?> object(byte[] document) {
        try (JsonReader reader = JsonProviders.createReader(document)) {
            if (reader.nextToken() != JsonToken.START_OBJECT) {
                return Collections.emptyMap();
            }
            Object read = reader.readUntyped();
            return reader.nextToken() == JsonToken.END_DOCUMENT ? map(read) : Collections.emptyMap();
        } catch (IOException | RuntimeException e) {
            return Collections.emptyMap(); // not JSON, or nested too deep
        }
    }

    static Map<?, ?> map(Object value) {
        return value instanceof Map ? (Map<?, ?>) value : Collections.emptyMap();
    }

    static List<?> list(Object value) {
        return value instanceof List ? (List<?>) value : Collections.emptyList();
    }

    static String text(Object value) {
        return value instanceof String ? (String) value : "";
    }

    static String write(Map<String, ?> object) {
        StringWriter out = new StringWriter();
        try (JsonWriter writer = JsonProviders.createWriter(out)) {
            writer.writeUntyped(object);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // a StringWriter has none
        }
        return out.toString();
    }
}
