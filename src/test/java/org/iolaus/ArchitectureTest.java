package org.iolaus;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// Which package may use which, and which may use a library. A package or a library that is not in the tables fails.
class ArchitectureTest {
    /// Package: the packages of `org.iolaus` that it may use; `nn+` is `nn` and all that `nn` may use. A row names rows
    /// above it only.
    private static final String PACKAGES = """
            tensor    :
            kernel    : tensor
            ir        : tensor kernel
            op        : tensor kernel ir
            grad      : tensor ir op
            lower     : tensor kernel ir op
            cpu       : tensor kernel ir op lower
            ffi       :
            cuda      : tensor kernel ir op lower ffi
            so3       :
            atoms     : tensor
            data      : tensor atoms
            nn        : tensor ir op so3
            mpnn      : nn+
            attention : nn+ mpnn
            model     : attention+ grad
            comm      : tensor cuda ffi
            train     : tensor kernel ir op grad lower cpu cuda so3 atoms data nn mpnn attention model comm
            config    : train model data
            app       : config+ train+ comm+
            """;

    /// Library (a class or a package): the packages that may use it; `*` is all.
    private static final String LIBRARIES = """
            java.lang.foreign.Linker     : ffi
            java                         : *
            jdk.incubator.vector         : cpu
            org.jspecify                 : *
            org.slf4j                    : *
            dev.ludovic.netlib           : cpu
            jcuda                        : cuda
            io.jhdf                      : data
            mpi                          : comm
            tools.jackson                : config
            com.fasterxml.jackson        : config
            org.knowm.xchart             : train
            me.tongfei.progressbar       : app train
            picocli                      : app
            """;

    private static final String ROOT = "org.iolaus.";

    private final JavaClasses classes = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("org.iolaus");
    private final Map<String, Set<String>> packages = packages();
    private final Map<String, Set<String>> libraries = table(LIBRARIES);

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
                return library.getValue().contains("*") || library.getValue().contains(user);
            }
        }
        return false;
    }

    private static String packageOf(JavaClass one) {
        String name = one.getPackageName();
        return name.startsWith(ROOT) ? name.substring(ROOT.length()).replaceFirst("\\..*", "") : name;
    }

    private static Map<String, Set<String>> packages() {
        Map<String, Set<String>> result = new LinkedHashMap<>();
        table(PACKAGES).forEach((name, used) -> {
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

    private static Map<String, Set<String>> table(String text) {
        Map<String, Set<String>> rows = new LinkedHashMap<>();
        for (String row : text.lines().toList()) {
            String[] sides = row.split(":", -1);
            String right = sides[1].strip();
            rows.put(sides[0].strip(), right.isEmpty() ? Set.of() : new TreeSet<>(List.of(right.split(" +"))));
        }
        return rows;
    }
}
