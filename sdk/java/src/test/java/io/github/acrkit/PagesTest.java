package io.github.acrkit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every program of the pages, as written there, in a folder and a process of its own. */
class PagesTest {
    private static final Pattern BLOCK = Pattern.compile("(?ms)^```java\\n(.*?)^```$");
    private static final Pattern CLASS = Pattern.compile("public (?:final )?class (\\w+)");

    private static Emulator emulator;

    @TempDir
    Path dir;

    @BeforeAll
    static void start() throws IOException {
        emulator = Emulator.shared();
    }

    /** Returns the programs of a page by the names of their classes. */
    private static Map<String, String> programs(Path page) throws IOException {
        Map<String, String> programs = new TreeMap<>();
        Matcher m = BLOCK.matcher(Files.readString(page));
        while (m.find()) {
            Matcher name = CLASS.matcher(m.group(1));
            assertTrue(name.find(), m.group(1));
            programs.put(name.group(1), m.group(1));
        }
        return programs;
    }

    private void compile(String name, String source) throws IOException {
        Path file = Files.writeString(dir.resolve(name + ".java"), source);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int exit = ToolProvider.getSystemJavaCompiler()
                .run(null, said, said, "--release", "11", "-Xlint:all", "-Werror", "-cp", jars(), file.toString());
        assertEquals(0, exit, said::toString);
    }

    private static final class Ended {
        final int exit;
        final String said;

        Ended(int exit, String said) {
            this.exit = exit;
            this.said = said;
        }
    }

    private String jars() {
        return dir
                + File.pathSeparator
                + System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    }

    private Ended java(Map<String, String> environment, String... args) throws Exception {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(Arrays.asList(args));
        ProcessBuilder child =
                new ProcessBuilder(command).directory(dir.toFile()).redirectErrorStream(true);
        child.environment().putAll(environment);
        Process process = child.start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), said);
    }

    private Ended program(String name, String token, String password, String... args) throws Exception {
        Map<String, String> environment = new HashMap<>();
        environment.put("ACR_NAME", emulator.url());
        environment.put("ACR_TOKEN_NAME", token);
        environment.put("ACR_TOKEN_PASSWORD", password);
        environment.put(
                "ACR_TOKEN_PASSWORD_FILE",
                Files.writeString(dir.resolve("password"), password + "\r\n").toString());
        environment.put("CA_FILE", emulator.caFile().toString());
        List<String> all = new ArrayList<>(List.of("-cp", jars()));
        if (!name.equals("OwnCa")) {
            all.add("-Djavax.net.ssl.trustStore=" + System.getProperty("javax.net.ssl.trustStore"));
            all.add("-Djavax.net.ssl.trustStorePassword=changeit");
        }
        all.add(name);
        all.addAll(Arrays.asList(args));
        return java(environment, all.toArray(new String[0]));
    }

    private static String password(String token) {
        return Emulator.PASSWORDS.get(token);
    }

    @Test
    void everyProgramOfTheReadmeWorks() throws Exception {
        Map<String, String> programs = programs(Path.of("README.md"));
        for (String name : List.of("FromFile", "ListTagsAsync", "OwnCa", "Promote", "Why")) {
            programs.put(name, Files.readString(Path.of("examples", name + ".java")));
        }
        // The token of each has no more rights than the page says.
        Map<String, String> tokens = Map.of(
                "ListTags", "ci-list",
                "ListTagsAsync", "ci-list",
                "FromFile", "ci-list",
                "OwnCa", "ci-list",
                "Why", "ci-list",
                "Promote", "ci-push");
        assertEquals(new TreeMap<>(tokens).keySet(), programs.keySet());
        for (Map.Entry<String, String> program : programs.entrySet()) {
            String name = program.getKey();
            compile(name, program.getValue());
            String token = tokens.get(name);
            Ended ended = name.equals("Promote")
                    ? program(name, token, password(token), "samples/app", "v1")
                    : program(name, token, password(token), "samples/app");
            assertEquals(0, ended.exit, ended.said);
            if (name.equals("Promote")) {
                emulator.reset();
                assertTrue(ended.said.endsWith("approved: v1-approved writable: false\n"), ended.said);
            } else if (name.equals("Why")) {
                assertEquals("2 tags\n", ended.said);
            } else {
                List<String> lines = new ArrayList<>(Arrays.asList(ended.said.split("\n")));
                lines.sort(null);
                assertEquals(List.of("latest", "v1"), lines, name);
            }
        }

        Ended refused = program("ListTags", "ci-content", password("ci-content"), "samples/app");
        assertEquals(1, refused.exit);
        assertTrue(
                refused.said.contains("com.azure.core.exception.ClientAuthenticationException: Status code 401, "
                        + "\"{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"the token \\\"ci-content\\\" does not have "
                        + "metadata/read on \\\"samples/app\\\"\"}]}\""),
                refused.said);
        refused = program("Why", "ci-list", "wrong", "samples/app");
        assertEquals(
                "the token \"ci-list\" and its password are not accepted: wrong, expired, disabled or not yet active\n",
                refused.said);
    }

    @Test
    void theSmallestFormWorks() throws Exception {
        compile("ScopedTokenClient", Files.readString(Path.of("copy", "ScopedTokenClient.java")));
        compile(
                "Copy",
                "import com.azure.containers.containerregistry.*;\n"
                        + "import com.azure.core.http.policy.*;\n"
                        + "import java.io.ByteArrayOutputStream;\n"
                        + "import java.nio.channels.Channels;\n"
                        + "public class Copy {\n"
                        + "    @SuppressWarnings(\"deprecation\")\n"
                        + "    public static void main(String[] args) {\n"
                        + "        ScopedTokenClient http = new ScopedTokenClient(args[0], args[1], args[2]);\n"
                        + "        HttpLogOptions log = new HttpLogOptions().setLogLevel(HttpLogDetailLevel.BODY_AND_HEADERS);\n"
                        + "        log.addAllowedHeaderName(\"Authorization\");\n"
                        + "        if (args[3].startsWith(\"sha256:\")) {\n"
                        + "            new ContainerRegistryContentClientBuilder().endpoint(args[0]).httpClient(http)\n"
                        + "                .repositoryName(\"samples/app\").httpLogOptions(log).buildClient()\n"
                        + "                .downloadStream(args[3], Channels.newChannel(new ByteArrayOutputStream()));\n"
                        + "            return;\n"
                        + "        }\n"
                        + "        ContainerRegistryClientBuilder builder = new ContainerRegistryClientBuilder()\n"
                        + "            .endpoint(args[0]).httpClient(http).httpLogOptions(log);\n"
                        + "        builder.buildClient().getRepository(args[3]).listManifestProperties()\n"
                        + "            .forEach(m -> System.out.println(m.getTags()));\n"
                        + "        builder.buildAsyncClient().getRepository(args[3]).getProperties().block();\n"
                        + "    }\n"
                        + "}\n");
        Ended ended = copy(emulator.url(), "ci-list", password("ci-list"), "samples/app");
        assertEquals(0, ended.exit, ended.said);
        assertTrue(ended.said.contains("latest"), ended.said);
        assertTrue(ended.said.contains("HTTP request"), "it talks");
        assertFalse(ended.said.contains(password("ci-list")) || ended.said.contains("Bearer eyJ"), ended.said);

        long mark = emulator.mark();
        ended = copy(emulator.url(), "ci-list", "made-up-password", "samples/app");
        assertEquals(1, ended.exit);
        assertTrue(
                ended.said.contains("com.azure.core.exception.ClientAuthenticationException: Status code 401"),
                ended.said);
        assertFalse(ended.said.contains("made-up-password"), ended.said);
        assertEquals(2, emulator.since(mark).size(), "nothing is tried again");

        String token = FakeRegistry.jwt(Map.of("iss", "Azure Container Registry"));
        try (FakeServer storage = new FakeServer(
                        e -> FakeServer.answer(
                                e,
                                401,
                                "no",
                                "WWW-Authenticate",
                                "Bearer realm=\"https://localhost/oauth2/token\",service=\"localhost\",scope=\"repository:a:pull\""));
                FakeServer registry = new FakeServer(e -> {
                    if (e.getRequestURI().getPath().equals("/oauth2/token")) {
                        FakeServer.answer(
                                e, 200, "{\"access_token\":\"" + token + "\"}", "Content-Type", "application/json");
                    } else if (e.getRequestHeaders().getFirst("Authorization") == null) {
                        FakeServer.answer(
                                e, 401, "", "WWW-Authenticate", "Bearer realm=\"x\",scope=\"repository:a:pull\"");
                    } else {
                        FakeServer.answer(e, 307, "", "Location", storage.at("127.0.0.1") + "/blob");
                    }
                })) {
            ended = copy(registry.at("localhost"), "ci-list", "made-up-password", "sha256:" + "0".repeat(64));
            assertEquals(1, ended.exit, ended.said);
            assertTrue(ended.said.contains("Status code 401"), ended.said);
            assertEquals(List.of("GET /blob null"), storage.requests);
            assertEquals(3, registry.requests.size(), registry.requests.toString());
        }
    }

    private Ended copy(String... args) throws Exception {
        List<String> all = new ArrayList<>(List.of("-cp", jars()));
        all.add("-Djavax.net.ssl.trustStore=" + System.getProperty("javax.net.ssl.trustStore"));
        all.add("-Djavax.net.ssl.trustStorePassword=changeit");
        all.add("-Dorg.slf4j.simpleLogger.defaultLogLevel=debug");
        all.add("Copy");
        all.addAll(Arrays.asList(args));
        return java(Map.of(), all.toArray(new String[0]));
    }
}
