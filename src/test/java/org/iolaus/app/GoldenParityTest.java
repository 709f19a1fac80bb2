package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.iolaus.data.Hdf5File;
import org.iolaus.model.MpnnType;
import org.iolaus.verify.Devices;
import org.iolaus.verify.ReferenceCase;
import org.iolaus.verify.Verification;
import org.iolaus.verify.Verification.Line;
import org.iolaus.verify.Verification.Result;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/// Every array of every reference case agrees to 1e-9: outputs, losses, gradients of parameters and
/// positions, buffers.
final class GoldenParityTest {
    private static final Path FOLDER =
            Path.of(System.getProperty("golden.dir", "src/test/resources/golden"), "hydragnn");

    @TestFactory
    Stream<DynamicTest> cases() {
        Stream<String> types = Stream.of(MpnnType.values())
                .filter(type -> type.isSupported() && type != MpnnType.NONE)
                .map(MpnnType::toString);
        return Stream.concat(types, Stream.of("interatomic_potential"))
                .flatMap(name -> Stream.of(name, name + "_gps"))
                .filter(name -> Files.exists(FOLDER.resolve(name + ".h5")) || !name.endsWith("_gps"))
                .flatMap(model -> {
                    Path path = FOLDER.resolve(model + ".h5");
                    try (Hdf5File file = Hdf5File.open(path)) {
                        return ReferenceCase.names(file).stream()
                                .map(name -> DynamicTest.dynamicTest(model + " " + name, () -> agrees(path, name)));
                    }
                });
    }

    private static void agrees(Path path, String name) {
        try (Hdf5File file = Hdf5File.open(path)) {
            Result result = Verification.run(file, name, Devices.cpu(), 1e-9);
            assertNull(result.unsupported());
            assertFalse(result.lines().isEmpty());
            List<Line> wrong =
                    result.lines().stream().filter(line -> !line.ok()).toList();
            assertEquals(List.of(), wrong);
        }
    }
}
