package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.iolaus.cuda.DeviceExecutor.Precision;
import org.iolaus.data.Hdf5File;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// The device's kernels, launches and argument structures without a device: compiled for the host.
final class EmulatedDeviceTest {

    @BeforeAll
    static void needsCompiler() {
        boolean found = Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "g++")));
        assumeTrue(found, "needs g++ on the PATH to compile kernels for the host");
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32"})
    void everyOperationAgreesWithItsDefinition(Precision precision) {
        long seed = 3;
        try (Devices devices = Devices.open(Devices.Device.EMULATED, precision)) {
            List<SelfTest.Line> lines = SelfTest.run(devices, SelfTest.tolerance(precision), seed);
            assertTrue(lines.size() > 30);
            for (SelfTest.Line line : lines) {
                assertTrue(line.ok(), line + ", seed " + seed);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "hydragnn/PAINN.h5, plain",
        "hydragnn/SchNet.h5, equivariant",
        "hydragnn/EGNN.h5, equivariant_periodic",
        "hydragnn/interatomic_potential.h5, PAINN_pbc",
        "equiformer_v2/layers_attention.h5, attn_sep_s2_norenorm"
    })
    void referenceCasesAgree(String file, String name) throws IOException {
        Path folder = Path.of(System.getProperty("golden.dir", "src/test/resources/golden"));
        Path path = folder.resolve(file);
        assertTrue(Files.exists(path), path + " is there");
        try (Devices devices = Devices.open(Devices.Device.EMULATED, Precision.FP64);
                Hdf5File golden = Hdf5File.open(path)) {
            Verification.Result result = Verification.run(golden, name, devices, 1e-9);
            assertNull(result.unsupported());
            assertTrue(result.lines().size() > 20);
            assertEquals(
                    List.of(),
                    result.lines().stream().filter(line -> !line.ok()).toList());
        }
    }
}
