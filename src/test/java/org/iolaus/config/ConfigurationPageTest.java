package org.iolaus.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/// `docs/configuration.md` names every key with its true default, and no other.
final class ConfigurationPageTest {
    private static final Set<String> SECTIONS = Set.of(
            "Verbosity",
            "Dataset",
            "NeuralNetwork",
            "NeuralNetwork.Architecture",
            "NeuralNetwork.Variables_of_interest",
            "NeuralNetwork.Training",
            "Visualization",
            "Profile");

    @Test
    void everyKeyHasARowAndEveryRowAKey() throws IOException {
        Set<String> keys = new TreeSet<>(Keys.paths().keySet());
        keys.removeAll(SECTIONS);
        assertEquals(keys, new TreeSet<>(rows().keySet()));
    }

    @Test
    void theDefaultsAreThoseOfTheProgram() throws IOException {
        JsonNode defaults = Json.resource("defaults.json");
        Map<String, RecordComponent> keys = Keys.paths();
        rows().forEach((path, row) -> {
            String given = row.get(2);
            if (!given.equals("–")) {
                RecordComponent component = Objects.requireNonNull(keys.get(path), path);
                assertEquals(standard(defaults, component), given.equals("required") ? given : json(given), path);
            }
        });
    }

    private static String standard(JsonNode defaults, RecordComponent component) {
        JsonNode json =
                defaults.path(component.getDeclaringRecord().getSimpleName()).get(Keys.of(component));
        boolean nullable = component.getAnnotatedType().isAnnotationPresent(Nullable.class);
        return json == null ? (nullable ? "null" : "required") : json.toString();
    }

    private static String json(String cell) {
        return Json.parse(plain(cell)).toString();
    }

    @Test
    void everyRowSaysWhatAndSinceWhen() throws IOException {
        rows().forEach((path, row) -> {
            assertEquals(5, row.size(), path);
            assertTrue(!row.get(1).isEmpty(), path);
            assertTrue(Set.of("HydraGNN", "ours").contains(row.get(4)), path + ": " + row.get(4));
        });
    }

    @Test
    void whatIsNotSupportedIsListed() throws IOException {
        Map<String, Set<String>> wanted = new TreeMap<>();
        Support.SUPPORTED.forEach((path, values) -> wanted.put(path, Set.copyOf(values)));
        HydraGnnForms.WITHOUT_EFFECT.forEach(wanted::put);
        String page = page();
        Map<String, Set<String>> given = new TreeMap<>();
        page.substring(page.indexOf("## Known, but not supported"))
                .lines()
                .filter(line -> line.startsWith("| `"))
                .map(ConfigurationPageTest::cells)
                .forEach(row -> given.put(
                        plain(row.get(0)),
                        Stream.of(row.get(1).replaceAll(" \\(.*\\)", "").split(", "))
                                .map(ConfigurationPageTest::plain)
                                .collect(Collectors.toSet())));
        assertEquals(wanted, given);
    }

    /// The cells of each row of the large table by full path.
    private static Map<String, List<String>> rows() throws IOException {
        String page = page();
        String table = page.substring(page.indexOf("## All keys"), page.indexOf("## Other forms"));
        Map<String, List<String>> rows = new LinkedHashMap<>();
        String section = "";
        for (String line : table.lines().filter(line -> line.startsWith("| ")).toList()) {
            List<String> cells = cells(line);
            if (cells.getFirst().startsWith("**")) {
                section = cells.getFirst().replace("*", "");
            } else if (cells.getFirst().startsWith("`")) {
                rows.put(section + "." + plain(cells.getFirst()), cells);
            }
        }
        return rows;
    }

    private static List<String> cells(String line) {
        return Stream.of(line.substring(1, line.length() - 1).split("\\|", -1))
                .map(String::strip)
                .toList();
    }

    private static String plain(String cell) {
        return cell.replace("`", "");
    }

    private static String page() throws IOException {
        return Files.readString(Path.of("docs/configuration.md"));
    }
}
