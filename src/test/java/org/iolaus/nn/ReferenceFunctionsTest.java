package org.iolaus.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.data.Hdf5File;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.op.Expr;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Activations, losses and radial functions against the reference, with their derivatives.
final class ReferenceFunctionsTest {
    private static final Path FOLDER =
            Path.of(System.getProperty("golden.dir", "src/test/resources/golden"), "hydragnn");

    @ParameterizedTest
    @EnumSource(names = "TANH", mode = EnumSource.Mode.EXCLUDE) // the file has none
    void activationsWithTwoDerivatives(Activation.Type type) {
        String name = type.name().toLowerCase(Locale.ROOT);
        try (Hdf5File file = Hdf5File.open(FOLDER.resolve("optim.h5"))) {
            double[] x = file.doubles("activations/x");
            Parameters parameters = new Parameters();
            Activation activation = Activation.of(type, parameters.root());
            Node input = Expr.input("x", Shape.of("E"));
            Node y = activation.apply(input);
            Node dy = Gradient.of(Expr.sumAll(y), List.of(input)).getFirst();
            Node d2y = Gradient.of(Expr.sumAll(dy), List.of(input)).getFirst();
            Map<String, HostTensor> out = run(
                    Map.of("y", y, "dy", dy, "d2y", d2y),
                    Map.of("x", HostTensor.of(new int[] {x.length}, x)),
                    parameters.initial(0));
            for (String what : List.of("y", "dy", "d2y")) {
                close(
                        file.doubles("activations/" + name + "/" + what),
                        out.get(what).data(),
                        name + " " + what);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = "L2", mode = EnumSource.Mode.EXCLUDE) // ours
    void losses(Loss function) {
        String name = function.toString();
        try (Hdf5File file = Hdf5File.open(FOLDER.resolve("optim.h5"))) {
            Map<String, HostTensor> floats = new HashMap<>();
            for (String key : List.of("prediction", "target", "variance")) {
                floats.put(key, new HostTensor(new int[] {5, 3}, file.doubles("losses/" + key)));
            }
            Node prediction = Expr.input("prediction", Shape.of("G", 3));
            Node variance = Expr.input("variance", Shape.of("G", 3));
            Node loss = function.apply(
                    prediction,
                    Expr.input("target", Shape.of("G", 3)),
                    variance,
                    Expr.full(Shape.of("G", 1), 1),
                    Expr.constant(5),
                    Expr.constant(1));
            List<Node> gradients = Gradient.of(loss, List.of(prediction, variance));
            Map<String, Node> outputs = new LinkedHashMap<>();
            outputs.put("value", loss);
            outputs.put("grad_prediction", gradients.get(0));
            if (file.exists("losses/" + name + "/grad_variance")) {
                outputs.put("grad_variance", gradients.get(1));
            }
            run(outputs, floats, Map.of())
                    .forEach((what, value) ->
                            close(file.doubles("losses/" + name + "/" + what), value.data(), name + " " + what));
        }
    }

    /// Against the norm's own derivatives; a row without error has none, and padding does not count.
    @Test
    void l2IsTheMeanDistance() {
        double[] error = {3, 0, -4, 0, 0, 0, 1e-200, 0, 0, 0.2, 0.3, -0.6, 7, 7, 7};
        double[] direction = {1, 2, 3, 4, 5, 6, 7, 8, 9, -1, 2, -3, 1, 1, 1};
        Node prediction = Expr.input("prediction", Shape.of("G", 3));
        Node loss = Loss.L2.apply(
                prediction,
                Expr.input("target", Shape.of("G", 3)),
                null,
                Expr.input("weight", Shape.of("G", 1)),
                Expr.constant(8),
                Expr.constant(2));
        Node gradient = Gradient.of(loss, List.of(prediction)).getFirst();
        Node along = Expr.sumAll(Expr.mul(gradient, Expr.input("direction", Shape.of("G", 3))));
        Map<String, HostTensor> floats = new HashMap<>();
        floats.put("prediction", new HostTensor(new int[] {5, 3}, error));
        floats.put("target", new HostTensor(new int[] {5, 3}, new double[15]));
        floats.put("direction", new HostTensor(new int[] {5, 3}, direction));
        floats.put("weight", HostTensor.of(new int[] {5, 1}, 1, 1, 1, 1, 0));
        Map<String, HostTensor> out = run(
                Map.of(
                        "value", loss,
                        "gradient", gradient,
                        "second", Gradient.of(along, List.of(prediction)).getFirst()),
                floats,
                Map.of());
        close(new double[] {(5 + 0.7) / 8}, out.get("value").data(), "value");
        double[] first = new double[15];
        double[] second = new double[15];
        for (int row : new int[] {0, 3}) {
            double norm = row == 0 ? 5 : 0.7;
            double dot = 0;
            for (int k = 3 * row; k < 3 * row + 3; k++) {
                first[k] = error[k] / norm / 8;
                dot += error[k] / norm * direction[k];
            }
            for (int k = 3 * row; k < 3 * row + 3; k++) {
                second[k] = (direction[k] - dot * error[k] / norm) / norm / 8;
            }
        }
        close(first, out.get("gradient").data(), "gradient");
        close(second, out.get("second").data(), "second derivative");
    }

    @ParameterizedTest
    @CsvSource({
        "schnet/cosine_cutoff_untruncated",
        "schnet/gaussian_smearing",
        "schnet/shifted_softplus",
        "painn/cosine_cutoff",
        "painn/sinc_expansion"
    })
    void radialFunctionsWithTheirSlopes(String name) {
        Parameters parameters = new Parameters();
        UnaryOperator<Node> function = switch (name) {
            case "schnet/cosine_cutoff_untruncated" -> r -> Cutoff.untruncatedCosine(r, 2.5);
            case "schnet/gaussian_smearing" -> r -> new GaussianSmearing(parameters.root(), 2.5, 10).apply(r);
            case "schnet/shifted_softplus" -> Activation.SHIFTED_SOFTPLUS::apply;
            case "painn/cosine_cutoff" -> r -> Cutoff.cosine(r, 2.5);
            default -> r -> SincBasis.of(r, 2.5, 6);
        };
        try (Hdf5File file = Hdf5File.open(FOLDER.resolve("basis.h5"))) {
            double[] r = file.doubles(name + "/r");
            Node input = Expr.input("r", Shape.of("E", 1));
            Node y = function.apply(input);
            int width = y.shape().dim(1).intValue();
            List<Node> slopes = new ArrayList<>();
            for (int i = 0; i < width; i++) {
                slopes.add(Gradient.of(Expr.sumAll(Expr.slice(y, 1, i, 1)), List.of(input))
                        .getFirst());
            }
            Map<String, HostTensor> out = run(
                    Map.of("out", y, "dout_dr", Expr.concat(1, slopes)),
                    Map.of("r", HostTensor.of(new int[] {r.length, 1}, r)),
                    parameters.initial(0));
            close(file.doubles(name + "/out"), out.get("out").data(), name);
            close(file.doubles(name + "/dout_dr"), out.get("dout_dr").data(), name + " slope");
        }
    }

    /// Two batches in a row move the statistics as PyTorch does; a padding atom does not count.
    @Test
    void batchNormMovesItsStatistics() {
        Parameters parameters = new Parameters();
        BatchNorm norm = new BatchNorm(parameters.root(), 1);
        ForwardContext context = new ForwardContext(true, false, Expr.input("w", Shape.of("N", 1)));
        Node y = norm.apply(Expr.input("x", Shape.of("N", 1)), context);
        norm.apply(Expr.input("z", Shape.of("N", 1)), context);
        Map<String, Node> outputs = new LinkedHashMap<>(context.buffers());
        outputs.put("y", y);
        Map<String, HostTensor> out = run(
                outputs,
                Map.of("x", column(1, 2, 6, 99), "z", column(-1, 0, 1, 7), "w", column(1, 1, 1, 0)),
                parameters.initial(0));
        // x: mean 3, variance 14/3 (biased), 7 (unbiased); z: mean 0, unbiased variance 1
        assertEquals(0.9 * 0.3 + 0, out.get("running_mean").data()[0], 1e-14);
        assertEquals(0.9 * (0.9 + 0.7) + 0.1, out.get("running_var").data()[0], 1e-14);
        assertEquals(2, out.get("num_batches_tracked").data()[0]);
        assertEquals(-2 / Math.sqrt(14 / 3.0 + 1e-5), out.get("y").data()[0], 1e-14);
    }

    private static HostTensor column(double... values) {
        return HostTensor.of(new int[] {values.length, 1}, values);
    }

    private static Map<String, HostTensor> run(
            Map<String, Node> outputs, Map<String, HostTensor> floats, Map<String, HostTensor> parameters) {
        try (CpuExecutor executor = new CpuExecutor(Program.of(outputs), CpuExecutor.Options.SINGLE)) {
            return executor.run(floats, Map.of(), parameters);
        }
    }

    private static void close(double[] expected, double[] actual, String what) {
        double scale = Arrays.stream(expected).map(Math::abs).max().orElse(0);
        assertArrayEquals(expected, actual, 1e-11 * Math.max(1e-3, scale), what);
    }
}
