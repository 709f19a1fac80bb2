package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.iolaus.op.GridActivation;
import org.iolaus.op.ProductGrid;
import org.iolaus.op.SiluDerivative;
import org.jspecify.annotations.Nullable;

/// The kernel of one activation on a grid: `kernels/grid_activation.cuh` with the grid written into its text.
///
/// Arguments that are named like arrays are device addresses.
final class GridKernel {
    private static final int BLOCK = 128;
    /// Registers for coefficients and their sums, at most.
    private static final int MOST_KEPT = 120;
    /// Registers for all else that a thread holds.
    private static final int FURTHER = 60;
    /// Registers of a processor.
    private static final int REGISTERS = 65_536;

    /// By which factors that are equal but for rounding may differ.
    private static final double ROUNDING = 1e-14;

    private final DeviceRuntime device;
    private final DeviceRuntime.Source source;
    private DeviceRuntime.@Nullable Kernel kernel;

    /// @param bytes of one number: 8 or 4
    /// @param fast see [#text], likewise `bf16`
    GridKernel(DeviceRuntime device, GridActivation op, int bytes, boolean fast, int bf16) {
        this.device = device;
        this.source = new DeviceRuntime.Source("activation on a grid", text(op, bytes, fast, bf16));
    }

    /// The kernel, to be compiled ahead.
    DeviceRuntime.Source source() {
        return source;
    }

    private DeviceRuntime.Kernel kernel() {
        DeviceRuntime.Kernel known = kernel;
        if (known == null) {
            known = device.compile(List.of(source)).getFirst().kernel("grid_activation");
            kernel = known;
        }
        return known;
    }

    /// @param fast whether floats may take a hyperbolic tangent with 11 bits, as precise as products in TF32
    /// @param bf16 bit k: input k is bfloat16; the bit behind those of the inputs: the result is
    static String text(GridActivation op, int bytes, boolean fast, int bf16) {
        ProductGrid grid = op.grid();
        int inputs = 1 + op.factors().size();
        int coefficients = grid.coefficients();
        boolean quick = fast && bytes == 4;
        int values = (inputs + 1) * coefficients * bytes / 4;
        boolean kept = values <= MOST_KEPT;
        int blocks = kept ? REGISTERS / (BLOCK * (values + FURTHER)) : 2;
        double scale = quick ? 0.5 : -1 / Math.log(2);
        SiluDerivative silu = SiluDerivative.of(op.derivative());
        double[] a = quick ? ofTangent(silu.a()) : silu.a();
        double[] b = quick ? ofTangent(silu.b()) : silu.b();
        boolean mirrored =
                grid.rings() % 2 == 0 && IntStream.range(0, coefficients).allMatch(r -> parity(op, r) != 0);
        int packed = 16 / bytes;
        int row = (coefficients + packed - 1) / packed * packed;
        int numbers = (inputs + 1) * grid.rings() * row;
        StringBuilder text = new StringBuilder("#include \"grid_activation.cuh\"\n");
        text.append("typedef %s number;\n".formatted(bytes == 8 ? "double" : "float"));
        text.append("static __device__ const __align__(16) number grid_polar[%d] = {%s};\n"
                .formatted(numbers, numbers(numbers, i -> polar(op, i / row, i % row, scale, quick))));
        text.append("struct grid {\n    typedef number T;\n");
        text.append(("    enum { RINGS = %d, AZIMUTHS = %d, COEFFICIENTS = %d, WAVES = %d, INPUTS = %d, KEPT = %d,"
                        + " FAST = %d, BF16 = %d, A = %d, B = %d, MIRRORED = %d };\n")
                .formatted(
                        grid.rings(),
                        grid.azimuths(),
                        coefficients,
                        grid.waves(),
                        inputs,
                        kept ? 1 : 0,
                        quick ? 1 : 0,
                        bf16,
                        a.length,
                        b.length,
                        mirrored ? 1 : 0));
        table(text, "int", "wave(int r)", "r", coefficients, grid::wave);
        table(text, "int", "odd(int r)", "r", coefficients, r -> mirrored && parity(op, r) < 0 ? 1 : 0);
        table(
                text,
                "T",
                "wave_at(int j, int w)",
                "j * WAVES + w",
                grid.azimuths() * grid.waves(),
                i -> grid.waveAt(i % grid.waves(), i / grid.waves()));
        table(text, "T", "a(int i)", "i", a.length, i -> a[i] * scale);
        table(text, "T", "b(int i)", "i", b.length, i -> b[i]);
        text.append("    template <class Pack>\n")
                .append("    static __device__ __forceinline__ const Pack* polar(int k, int ring) {\n")
                .append(
                        "        return reinterpret_cast<const Pack*>(grid_polar + (k * RINGS + ring) * %d);\n    }\n};\n"
                                .formatted(row));
        text.append("typedef grid_activation_args<number, %d> grid_arguments;\n".formatted(inputs));
        text.append("IOLAUS_BOUNDS(grid_activation, grid_arguments, %d, %d)\n".formatted(BLOCK, blocks));
        text.append("IOLAUS_KERNEL(grid_activation, grid_arguments) { grid_activation<grid>(args); }\n");
        return text.toString();
    }

    /// The factors of all inputs, then of the result: row `(input, ring)`, filled up with zeros.
    private static double polar(GridActivation op, int row, int coefficient, double scale, boolean quick) {
        ProductGrid grid = op.grid();
        int ring = row % grid.rings();
        int input = row / grid.rings();
        if (coefficient >= grid.coefficients()) {
            return 0;
        }
        if (input == 0) {
            return scale * grid.polar(ProductGrid.Matrix.TO, ring, coefficient);
        }
        return input > op.factors().size()
                ? grid.polar(op.out(), ring, coefficient) / (quick ? 2 * scale : scale)
                : grid.polar(op.factors().get(input - 1), ring, coefficient);
    }

    /// 1 where a coefficient's factors are the same on a ring and its mirror image, -1 where their signs
    /// differ, else 0.
    private static int parity(GridActivation op, int coefficient) {
        ProductGrid grid = op.grid();
        for (int sign = 1; sign >= -1; sign -= 2) {
            boolean all = true;
            for (ProductGrid.Matrix matrix : ProductGrid.Matrix.values()) {
                double largest = 0;
                double apart = 0;
                for (int ring = 0; ring < grid.rings(); ring++) {
                    double one = grid.polar(matrix, ring, coefficient);
                    double other = grid.polar(matrix, grid.rings() - 1 - ring, coefficient);
                    largest = Math.max(largest, Math.abs(one));
                    apart = Math.max(apart, Math.abs(one - sign * other));
                }
                all &= apart <= ROUNDING * largest;
            }
            if (all) {
                return sign;
            }
        }
        return 0;
    }

    /// A polynomial of the sigmoid `(1 + t) / 2` as one of t.
    private static double[] ofTangent(double[] ofSigmoid) {
        double[] sum = new double[ofSigmoid.length];
        for (int i = ofSigmoid.length - 1; i >= 0; i--) {
            for (int k = sum.length - 1; k >= 0; k--) {
                sum[k] = (sum[k] + (k > 0 ? sum[k - 1] : 0)) / 2;
            }
            sum[0] += ofSigmoid[i];
        }
        return sum;
    }

    /// A function with a table of its own, which vanishes where the argument is known.
    private static void table(
            StringBuilder text, String type, String head, String index, int n, IntToDoubleFunction values) {
        String listed = type.equals("int")
                ? IntStream.range(0, n)
                        .mapToObj(i -> Integer.toString((int) values.applyAsDouble(i)))
                        .collect(Collectors.joining(","))
                : numbers(n, values);
        text.append("    static constexpr __device__ __forceinline__ %s %s {\n".formatted(type, head));
        text.append("        constexpr %s table[] = {%s};\n        return table[%s];\n    }\n"
                .formatted(type, listed.isEmpty() ? "0" : listed, index));
    }

    private static String numbers(int n, IntToDoubleFunction values) {
        return IntStream.range(0, n)
                .mapToObj(i -> "number(" + values.applyAsDouble(i) + ")")
                .collect(Collectors.joining(","));
    }

    /// `y (items, R, channels)` of as many arrays of that shape as the operation has inputs.
    List<Work> of(List<Long> in, long y, long items, long channels) {
        long columns = items * channels;
        if (columns == 0) {
            return List.of();
        }
        long[] arguments = new long[in.size() + 3];
        for (int k = 0; k < in.size(); k++) {
            arguments[k] = in.get(k);
        }
        arguments[in.size()] = y;
        arguments[in.size() + 1] = columns;
        arguments[in.size() + 2] = channels;
        if (columns >= 1L << 31) {
            throw new DeviceException("grid_activation: want fewer than 2^31 columns, got " + columns);
        }
        int blocks = (int) Math.ceilDiv(columns, BLOCK);
        return List.of(new Work.Launch(kernel(), blocks, 1, BLOCK, 0, MemorySegment.ofArray(arguments)));
    }
}
