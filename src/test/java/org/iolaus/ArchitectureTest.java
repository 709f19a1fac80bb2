package org.iolaus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Which package may use which, and which may use a library: the two tables of `docs/architecture.md`. A package or a
/// library that is not in them fails.
class ArchitectureTest {
    private static final String ROOT = "org.iolaus.";

    private final JavaClasses classes = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.iolaus");
    private final Map<String, Set<String>> packages = closure(table("| package |"));
    private final Map<String, Set<String>> libraries = table("| library |");

    @Test
    void packagesUseOnlyWhatTheTableAllows() {
        Set<String> wrong = new TreeSet<>();
        for (JavaClass user : classes) {
            for (Dependency dependency : user.getDirectDependenciesFromSelf()) {
                JavaClass used = dependency.getTargetClass().getBaseComponentType();
                if (!used.isPrimitive() && !allowed(packageOf(user), used)) {
                    wrong.add("\n" + user.getName() + " uses " + used.getName());
                }
            }
        }
        assertEquals(Set.of(), wrong);
    }

    @Test
    void onlyCommandsPrint() {
        List<String> wrong = new ArrayList<>();
        for (JavaClass user : classes) {
            user.getFieldAccessesFromSelf().stream()
                    .filter(access -> access.getTarget().getFullName().equals("java.lang.System.out"))
                    .filter(access -> !packageOf(user).equals("app"))
                    .forEach(access -> wrong.add(access.getDescription()));
        }
        assertEquals(List.of(), wrong);
    }

    @Test
    void everyPackageSaysWhatItIs() {
        Set<String> described = new TreeSet<>();
        Set<String> all = new TreeSet<>();
        for (JavaClass one : classes) {
            all.add(one.getPackageName());
            if (one.getSimpleName().equals("package-info")) {
                assertTrue(one.isAnnotatedWith("org.jspecify.annotations.NullMarked"), one.getPackageName());
                described.add(one.getPackageName());
            }
        }
        assertEquals(all, described);
    }

    private boolean allowed(String user, JavaClass used) {
        if (used.getName().startsWith(ROOT)) {
            Set<String> allowed = packages.get(user);
            String target = packageOf(used);
            return allowed != null && (target.equals(user) || allowed.contains(target));
        }
        for (Map.Entry<String, Set<String>> library : libraries.entrySet()) {
            if (used.getName().equals(library.getKey()) || used.getName().startsWith(library.getKey() + ".")) {
                return library.getValue().contains("all") || library.getValue().contains(user);
            }
        }
        return false;
    }

    private static String packageOf(JavaClass one) {
        String name = one.getPackageName();
        return name.startsWith(ROOT) ? name.substring(ROOT.length()).replaceFirst("\\..*", "") : name;
    }

    /// With `nn+` replaced by `nn` and all that `nn` may use.
    private static Map<String, Set<String>> closure(Map<String, Set<String>> table) {
        Map<String, Set<String>> result = new LinkedHashMap<>();
        table.forEach((name, used) -> {
            Set<String> all = new TreeSet<>();
            for (String word : used) {
                String other = word.replace("+", "");
                Set<String> below = result.get(other);
                assertTrue(below != null, () -> name + ": '" + other + "' has no row above");
                all.add(other);
                if (word.endsWith("+")) {
                    all.addAll(below);
                }
            }
            result.put(name, all);
        });
        return result;
    }

    /// First column (a name in backquotes) to the words of the last one, of the Markdown table with this head.
    private static Map<String, Set<String>> table(String head) {
        Map<String, Set<String>> rows = new LinkedHashMap<>();
        lines().dropWhile(line -> !line.startsWith(head))
                .skip(2)
                .takeWhile(line -> line.startsWith("|"))
                .forEach(line -> {
                    String[] cells = line.split("\\|", -1);
                    String last = cells[cells.length - 2].strip();
                    Set<String> words = last.isEmpty() ? Set.of() : new TreeSet<>(List.of(last.split(" +")));
                    rows.put(cells[1].strip().replace("`", ""), words);
                });
        assertTrue(rows.size() > 5, () -> "no rows below '" + head + "'");
        return rows;
    }

    private static Stream<String> lines() {
        try {
            return Files.readAllLines(Path.of("docs", "architecture.md")).stream();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
