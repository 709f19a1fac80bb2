package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.iolaus.data.Hdf5File;
import org.iolaus.verify.Devices;
import org.iolaus.verify.ReferenceCase;
import org.iolaus.verify.Verification;
import org.iolaus.verify.Verification.Line;
import org.iolaus.verify.Verification.Result;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/// EquiformerV2 and its modules agree with the paper's code to 1e-9 in every group of every file there is:
/// outputs, gradients of parameters and of inputs.
final class EquiformerParityTest {
    private static final Path FOLDER =
            Path.of(System.getProperty("golden.dir", "src/test/resources/golden"), "equiformer_v2");

    /// Tables, of which nothing is differentiated.
    private static final String TABLES = "so3.h5";

    @TestFactory
    Stream<DynamicTest> groups() {
        List<Path> files = files();
        assertTrue(files.size() >= 5, () -> "want the files of " + FOLDER + ", got " + files);
        return files.stream().flatMap(path -> {
            try (Hdf5File file = Hdf5File.open(path)) {
                return ReferenceCase.names(file).stream()
                        .map(name ->
                                DynamicTest.dynamicTest(path.getFileName() + " " + name, () -> agrees(path, name)));
            }
        });
    }

    private static List<Path> files() {
        try (Stream<Path> all = Files.list(FOLDER)) {
            return all.filter(path -> path.toString().endsWith(".h5")).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void agrees(Path path, String name) {
        try (Hdf5File file = Hdf5File.open(path)) {
            Result result = Verification.run(file, name, Devices.cpu(), 1e-9);
            assertNull(result.unsupported());
            List<String> arrays = result.lines().stream().map(Line::array).toList();
            boolean tables = path.endsWith(TABLES);
            assertEquals(!tables, arrays.contains("outputs/loss"), arrays.toString());
            assertEquals(
                    !tables, arrays.stream().anyMatch(array -> array.startsWith("grads_inputs/")), arrays.toString());
            assertTrue(arrays.size() > 2, arrays.toString());
            assertEquals(
                    List.of(),
                    result.lines().stream().filter(line -> !line.ok()).toList());
        }
    }
}
