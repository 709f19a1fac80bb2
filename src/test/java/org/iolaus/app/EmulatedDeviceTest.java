package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.cuda.Emulated;
import org.iolaus.data.Hdf5File;
import org.iolaus.ir.Program;
import org.iolaus.ir.ProgramExecutor;
import org.iolaus.lower.Precision;
import org.iolaus.lower.RandomPrograms;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Sizes;
import org.iolaus.train.Training;
import org.iolaus.verify.Devices;
import org.iolaus.verify.OpVerification;
import org.iolaus.verify.ReferenceCase;
import org.iolaus.verify.RoundingModel;
import org.iolaus.verify.Verification;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// The device's kernels, launches and argument structures without a device: compiled for the host.
final class EmulatedDeviceTest {

    @BeforeAll
    static void needsCompiler() {
        Emulated.runtime().close();
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32"})
    void everyOperationAgreesWithItsDefinition(Precision precision) {
        long seed = 3;
        try (Devices devices = Devices.open(Training.Device.EMULATED, precision)) {
            List<OpVerification.Line> lines = OpVerification.run(devices, OpVerification.tolerance(precision), seed);
            assertTrue(lines.size() > 30);
            for (OpVerification.Line line : lines) {
                assertTrue(line.ok(), line + ", seed " + seed);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "hydragnn/PAINN.h5, plain",
        "hydragnn/SchNet.h5, equivariant",
        "hydragnn/EGNN.h5, equivariant_periodic",
        "hydragnn/GIN_gps.h5, gps_multihead_per_graph",
        "hydragnn/SAGE.h5, plain_train",
        "hydragnn/SAGE.h5, gps_multihead_train",
        "hydragnn/interatomic_potential.h5, PAINN_pbc",
        "equiformer_v2/layers_attention.h5, attn_sep_s2_norenorm"
    })
    void referenceCasesAgree(String file, String name) throws IOException {
        Path folder = Path.of(System.getProperty("golden.dir", "src/test/resources/golden"));
        Path path = folder.resolve(file);
        assertTrue(Files.exists(path), path + " is there");
        try (Devices devices = Devices.open(Training.Device.EMULATED, Precision.FP64);
                Hdf5File golden = Hdf5File.open(path)) {
            Verification.Result result = Verification.run(golden, name, devices, 1e-9);
            assertNull(result.unsupported());
            assertTrue(result.lines().size() > 20);
            assertEquals(
                    List.of(),
                    result.lines().stream().filter(line -> !line.ok()).toList());
        }
    }

    /// In few digits: within what roundings may come to, and not by tolerances that would let anything pass.
    @ParameterizedTest
    @CsvSource({
        "FP32, hydragnn/EGNN.h5, plain_train",
        "FP32, hydragnn/GIN.h5, plain_train",
        "FP32, hydragnn/GIN_gps.h5, gps_multihead_train",
        "FP32, hydragnn/interatomic_potential.h5, PAINN_pbc",
        "FP32, equiformer_v2/layers_block.h5, block_gate_rms",
        "TF32X3, equiformer_v2/layers_block.h5, block_gate_rms",
        "TF32X3, hydragnn/interatomic_potential.h5, PAINN_pbc",
        "TF32, equiformer_v2/layers_block.h5, block_gate_rms",
        "BF16, equiformer_v2/layers_block.h5, block_gate_rms"
    })
    void referenceCasesAgreeAsFarAsRoundingLets(Precision precision, String file, String name) {
        Path folder = Path.of(System.getProperty("golden.dir", "src/test/resources/golden"));
        try (Devices devices = Devices.open(Training.Device.EMULATED, precision);
                Hdf5File golden = Hdf5File.open(folder.resolve(file))) {
            List<Verification.Line> lines =
                    Verification.run(golden, name, devices, null).lines();
            assertTrue(lines.size() > 10);
            assertEquals(List.of(), lines.stream().filter(line -> !line.ok()).toList());
            double[] ratios = lines.stream()
                    .mapToDouble(line -> line.error() / line.tolerance())
                    .sorted()
                    .toArray();
            double middle = ratios[ratios.length / 2];
            assertTrue(middle > 0.01 && middle < 0.2, "median of error / tolerance: " + middle);
        }
    }

    /// The tolerance of fp32 is not met with the digits of tf32.
    @Test
    void fewerDigitsThanClaimedAreNoticed() {
        Path folder = Path.of(System.getProperty("golden.dir", "src/test/resources/golden"));
        String name = "block_gate_rms";
        try (Devices few = Devices.open(Training.Device.EMULATED, Precision.TF32);
                Hdf5File golden = Hdf5File.open(folder.resolve("equiformer_v2/layers_block.h5"))) {
            ReferenceCase known = ReferenceCase.open(golden, name);
            Map<String, Double> bounds =
                    RoundingModel.of(known.program(), known.batch(), known.values(new ArrayList<>()), Precision.FP32);
            List<Verification.Line> gradients = Verification.run(golden, name, few, 1.0).lines().stream()
                    .filter(line -> line.array().startsWith("grads/"))
                    .toList();
            long beyond = gradients.stream()
                    .filter(line -> {
                        HostTensor want = known.array("grads", line.array().substring("grads/".length()));
                        return line.error() * largest(want) > bounds.get(line.array());
                    })
                    .count();
            assertTrue(2 * beyond > gradients.size(), beyond + " of " + gradients.size() + " gradients are beyond");
        }
    }

    /// Chains, walks, gathers and products with gradients of gradients, wide enough to be stored in bfloat16.
    @ParameterizedTest
    @CsvSource({"5, 33", "8, 128", "11, 64", "12, 20"})
    void randomProgramsAgreeAsFarAsBfloat16Lets(long seed, int columns) {
        Random random = new Random(seed);
        Program program = Program.of(RandomPrograms.outputs(random, columns));
        Map<String, HostTensor> floats = new LinkedHashMap<>();
        Map<String, Index> indices = new LinkedHashMap<>();
        Map<String, Integer> extents = Map.of("N", 9, "E", 40);
        program.inputs().forEach((name, type) -> {
            int[] shape = type.shape().bind(new Sizes(extents));
            if (type.isIndex()) {
                int[] values = random.ints(shape[0], 0, 9).sorted().toArray();
                indices.put(name, new Index(values, 9));
            } else {
                floats.put(name, random(random, shape));
            }
        });
        Map<String, HostTensor> parameters = new LinkedHashMap<>();
        program.parameters()
                .forEach((name, type) ->
                        parameters.put(name, random(random, type.shape().bind(Sizes.NONE))));
        Map<String, Double> bounds =
                RoundingModel.of(program, new ReferenceCase.Batch(floats, indices), parameters, Precision.BF16);
        try (Devices devices = Devices.open(Training.Device.EMULATED, Precision.BF16);
                ProgramExecutor cpu = Devices.cpu().executor(program);
                ProgramExecutor executor = devices.executor(program)) {
            Map<String, HostTensor> want = cpu.run(floats, indices, parameters);
            Map<String, HostTensor> got = executor.run(floats, indices, parameters);
            List<Double> ratios = new ArrayList<>();
            want.forEach((name, tensor) -> {
                double tolerance = bounds.get(name) + 1e-9 * largest(tensor);
                double worst = 0;
                for (int i = 0; i < tensor.data().length; i++) {
                    double error = Math.abs(got.get(name).data()[i] - tensor.data()[i]);
                    worst = Math.max(worst, error);
                }
                assertTrue(worst <= tolerance, name + ": error " + worst + ", tolerance " + tolerance);
                ratios.add(worst / tolerance);
            });
            double middle = ratios.stream().sorted().toList().get(ratios.size() / 2);
            assertTrue(middle > 0.01, "median of error / tolerance: " + middle);
        }
    }

    private static HostTensor random(Random random, int... shape) {
        return new HostTensor(
                shape, random.doubles(HostTensor.volume(shape), -1, 1).toArray());
    }

    private static double largest(HostTensor tensor) {
        return Arrays.stream(tensor.data()).map(Math::abs).max().orElse(0);
    }
}
