package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The most talkative log, with and without a backend of SLF4J, searched for every secret. */
class LogTest {
    @TempDir
    Path dir;

    @Test
    void noLogShowsASecret() throws Exception {
        String jars = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        String withoutBackend = Arrays.stream(jars.split(File.pathSeparator))
                .filter(jar -> !jar.contains("slf4j-simple"))
                .collect(Collectors.joining(File.pathSeparator));
        check(jars, "[main] DEBUG reactor.netty"); // of every library, down to trace
        check(withoutBackend, "[DEBUG] "); // azure-core's own logger
    }

    private void check(String jars, String shows) throws IOException, InterruptedException {
        Path out = dir.resolve("out");
        Path found = dir.resolve("tokens");
        Emulator emulator = Emulator.shared();
        ProcessBuilder child = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=trace",
                "-Djavax.net.ssl.trustStore=" + System.getProperty("javax.net.ssl.trustStore"),
                "-Djavax.net.ssl.trustStorePassword=changeit",
                "-cp",
                jars,
                Talkative.class.getName(),
                emulator.url(),
                found.toString());
        child.environment().put("AZURE_LOG_LEVEL", "verbose");
        child.environment().put("AZURE_HTTP_LOG_DETAIL_LEVEL", "body_and_headers");
        Process process =
                child.redirectErrorStream(true).redirectOutput(out.toFile()).start();
        int exit = process.waitFor();
        String log = Files.readString(out);
        assertEquals(0, exit, log);
        // It talks: requests, answers with their bodies, our refusals.
        for (String said :
                new String[] {shows, "HTTP request", "HTTP response", "\\\"imageName\\\"", "are not accepted", "the end"
                }) {
            assertTrue(log.contains(said), () -> said + " is not in the log:\n" + log.substring(0, 5000));
        }
        List<String> secrets = new ArrayList<>(Files.readAllLines(found));
        assertTrue(secrets.size() >= 4, secrets.size() + " tokens");
        for (String secret : secrets) {
            assertTrue(secret.startsWith("eyJ"));
        }
        secrets.addAll(Emulator.PASSWORDS.values());
        secrets.add("made-up-second-password");
        for (String secret : secrets) {
            byte[] bytes = secret.getBytes(StandardCharsets.UTF_8);
            for (String form : new String[] {
                secret,
                URLEncoder.encode(secret, StandardCharsets.UTF_8),
                Base64.getEncoder().encodeToString(bytes)
            }) {
                assertFalse(
                        log.contains(form),
                        () -> "the log shows " + form + " at\n"
                                + log.substring(Math.max(0, log.indexOf(form) - 500), log.indexOf(form)));
            }
        }
    }
}
