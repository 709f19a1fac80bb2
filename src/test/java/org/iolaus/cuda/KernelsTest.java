package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Op;
import org.iolaus.op.BilinearOuter;
import org.iolaus.op.BilinearProduct;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.Concat;
import org.iolaus.op.DropoutMask;
import org.iolaus.op.GridActivation;
import org.iolaus.op.Pad;
import org.iolaus.op.ProductGrid;
import org.iolaus.op.ProductGrid.Matrix;
import org.iolaus.op.SegmentSum;
import org.iolaus.op.Slice;
import org.iolaus.op.Sum;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.S2Grid;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The hand-written kernels against the definitions of their operations, in double and in float. Every result begins as
/// NaN, is surrounded by guard zones and is computed twice.
class KernelsTest {
    private static final int[] AWKWARD = {0, 1, 2, 31, 32, 33, 127, 1024, 4098};
    private static final long SEED = 20261123;

    private final Random random = new Random(SEED);
    private Emulated emulated;

    private Emulated open(int bytes) {
        emulated = new Emulated(bytes);
        return emulated;
    }

    @AfterEach
    void close() {
        if (emulated != null) {
            emulated.close();
        }
    }

    private static double[] definition(Op op, int n, HostCall.Argument... arguments) {
        double[] out = new double[n];
        op.cpu(new HostCall(new HostView(out, 0, new int[] {n}), List.of(arguments)));
        return out;
    }

    private static HostCall.Argument view(double[] data, int... shape) {
        return HostCall.Argument.of(new HostView(data, 0, shape));
    }

    /// An index with empty segments where there are more than two.
    private Index index(int entries, int rows, boolean sorted) {
        int[] values = new int[entries];
        for (int i = 0; i < entries; i++) {
            values[i] = random.nextInt(rows);
            values[i] = rows > 2 && values[i] == 1 ? 0 : values[i];
        }
        if (sorted) {
            Arrays.sort(values);
        }
        return new Index(values, rows);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 4})
    void segments(int bytes) {
        Emulated on = open(bytes);
        for (int entries : AWKWARD) {
            for (int rows : new int[] {1, 5, Math.max(1, entries / 3)}) {
                for (int columns : new int[] {1, 3, 4, 33, entries < 1000 ? 256 : 32}) {
                    Index index = index(entries, rows, random.nextBoolean());
                    String what = "(" + entries + ", " + columns + ") to " + rows + ", sorted " + index.sorted();
                    double[] x = on.random(random, entries * columns);
                    long xAt = on.numbers(x);
                    long start = on.indices(index.start());
                    long order = index.sorted() ? 0 : on.indices(index.order());
                    double[] sums = on.twice(
                            rows * columns, y -> on.kernels.segmentSum(xAt, start, order, y, rows, columns, entries));
                    double[] exact = definition(
                            new SegmentSum(),
                            rows * columns,
                            HostCall.Argument.of(new HostView(x, 0, new int[] {entries, columns})),
                            HostCall.Argument.of(index));
                    double[][] terms = new double[rows * columns][];
                    double[] largest = new double[rows * columns];
                    for (int i = 0; i < terms.length; i++) {
                        int c = i % columns;
                        terms[i] = Arrays.stream(
                                        index.order(), index.start()[i / columns], index.start()[i / columns + 1])
                                .mapToDouble(e -> x[e * columns + c])
                                .toArray();
                        largest[i] = Arrays.stream(terms[i]).max().orElse(0);
                    }
                    on.assertSums(exact, terms, sums, "segment_sum of " + what);
                    double[] got = on.twice(
                            rows * columns, y -> on.kernels.segmentMax(xAt, start, order, y, rows, columns, entries));
                    assertArrayEquals(largest, got, "segment_max of " + what);
                    on.device.free(xAt);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 4})
    void sums(int bytes) {
        Emulated on = open(bytes);
        List<int[]> shapes = new ArrayList<>(List.of(
                new int[] {1, 100_003, 1},
                new int[] {1, 20_000, 64},
                new int[] {2, 5000, 33},
                new int[] {3, 0, 5},
                new int[] {1, 4098, 300},
                new int[] {4098, 3, 1},
                new int[] {1024, 33, 1},
                new int[] {33, 127, 3},
                new int[] {1, 17, 100_000}));
        for (int n : AWKWARD) {
            shapes.add(new int[] {1, n, 1});
            shapes.add(new int[] {1, n, 5});
            shapes.add(new int[] {31, n, 2});
            shapes.add(new int[] {n, 31, 1});
            shapes.add(new int[] {1, 33, n});
        }
        boolean twoPasses = false;
        for (int[] shape : shapes) {
            int outer = shape[0];
            int reduced = shape[1];
            int inner = shape[2];
            double[] x = on.random(random, outer * reduced * inner);
            long xAt = on.numbers(x);
            long bytesOfWork = Kernels.reduceSumWorkspace(bytes, outer, reduced, inner);
            twoPasses |= bytesOfWork > 0;
            double[] got = on.twice(outer * inner, y -> {
                long work = on.device.allocate(bytesOfWork);
                return on.kernels.reduceSum(xAt, false, y, work, outer, reduced, inner);
            });
            double[] exact = definition(new Sum(List.of(1)), outer * inner, view(x, shape));
            double[][] terms = new double[outer * inner][reduced];
            for (int i = 0; i < x.length; i++) {
                terms[i / (reduced * inner) * inner + i % inner][i / inner % reduced] = x[i];
            }
            on.assertSums(exact, terms, got, "reduce_sum of " + Arrays.toString(shape));
            on.device.free(xAt);
        }
        assertTrue(twoPasses);
    }

    @ParameterizedTest
    @CsvSource({"FP32, false", "FP32, true", "BF16, false", "BF16, true", "BF16_FP32, false", "BF16_FP32, true"})
    void smallProducts(GemmFormat format, boolean transposeB) {
        Emulated on = open(Float.BYTES);
        int[][] sizes = {{1, 1, 1}, {33, 31, 65}, {90, 64, 64}, {127, 21, 20}, {5, 7, 190}, {32, 32, 128}, {7, 64, 192}
        };
        for (int[] size : sizes) {
            int m = size[0];
            int n = size[1];
            int k = size[2];
            assertTrue(on.kernels.isSmallGemm(false, m, n, k, 1));
            double[] a = on.random(random, m * k);
            double[] b = on.random(random, k * n);
            boolean bf16 = format.operandBytes() == 2;
            long aAt = bf16 ? on.bf16(a) : on.numbers(a);
            long bAt = bf16 ? on.bf16(b) : on.numbers(b);
            double[][] terms = new double[m * n][k];
            for (int i = 0; i < m * n; i++) {
                for (int p = 0; p < k; p++) {
                    terms[i][p] = a[i / n * k + p] * b[transposeB ? i % n * k + p : p * n + i % n];
                }
            }
            double[] got = on.twice(
                    m * n, format.resultBytes(), c -> on.kernels.smallGemm(format, transposeB, aAt, bAt, c, m, n, k));
            for (int i = 0; i < got.length; i++) {
                double exact = Arrays.stream(terms[i]).sum();
                double allowed = (k + 1)
                        * 0x1p-24
                        * Arrays.stream(terms[i]).map(Math::abs).sum();
                double stored = format.resultBytes() == 2 ? 0x1p-8 * Math.abs(exact) : 0;
                assertEquals(exact, got[i], allowed + 1.01 * stored, Arrays.toString(size) + " element " + i);
            }
        }
        assertFalse(on.kernels.isSmallGemm(true, 90, 64, 64, 1), "a transposed left factor");
        assertFalse(on.kernels.isSmallGemm(false, 4098, 128, 128, 1), "many tiles");
    }

    /// A pattern as rotations have it, in one with an empty row, an unused entry and a row of many terms.
    private BilinearTerms pattern(int rows, int entries, int columns, int terms) {
        List<BilinearTerms.Term> list = new ArrayList<>();
        for (int t = 0; t < terms; t++) {
            int row = t < terms / 3 ? rows - 1 : random.nextInt(Math.max(1, rows - 1));
            int entry = random.nextInt(Math.max(1, entries - 1));
            list.add(new BilinearTerms.Term(
                    row, entry, random.nextInt(columns), emulated.stored(random.nextGaussian())));
        }
        return new BilinearTerms(rows, entries, columns, list);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 4})
    void bilinearMaps(int bytes) {
        Emulated on = open(bytes);
        List<BilinearTerms> patterns =
                List.of(pattern(1, 1, 1, 1), pattern(5, 3, 4, 11), pattern(29, 235, 49, 235), pattern(300, 2, 2, 900));
        for (BilinearTerms terms : patterns) {
            BilinearTerms.Table byRow = terms.byRow();
            for (int items : new int[] {0, 1, 2, 33, 127}) {
                for (int channels : new int[] {1, 3, 8, 33, 128}) {
                    if ((long) items * terms.rows() * channels > 200_000) {
                        continue;
                    }
                    String what = terms + ", " + items + " items, " + channels + " channels";
                    double[] a = on.random(random, items * terms.entries());
                    double[] x = on.random(random, items * terms.columns() * channels);
                    double[] u = on.random(random, items * terms.rows() * channels);
                    long aAt = on.numbers(a);
                    long xAt = on.numbers(x);
                    long uAt = on.numbers(u);
                    double[] y = new double[u.length];
                    HostCall.Argument xView = view(x, items, terms.columns(), channels);
                    new BilinearProduct(terms)
                            .cpu(new HostCall(
                                    new HostView(y, 0, new int[] {items, terms.rows(), channels}),
                                    List.of(view(a, items, terms.entries()), xView)));
                    double[][] parts = new double[y.length][];
                    for (int i = 0; i < y.length; i++) {
                        int e = i / channels / terms.rows();
                        int row = i / channels % terms.rows();
                        int c = i % channels;
                        parts[i] = IntStream.range(byRow.start()[row], byRow.start()[row + 1])
                                .mapToDouble(t -> byRow.coefficient()[t]
                                        * a[e * terms.entries() + byRow.entry()[t]]
                                        * x[(e * terms.columns() + byRow.column()[t]) * channels + c])
                                .toArray();
                    }
                    double[] got = on.twice(
                            y.length,
                            at -> on.kernels.bilinear(terms, false, false).product(aAt, xAt, 0, at, items, channels));
                    on.assertProducts(y, parts, got, "product of " + what);
                    double[] z = new double[a.length];
                    new BilinearOuter(terms)
                            .cpu(new HostCall(
                                    new HostView(z, 0, new int[] {items, terms.entries()}),
                                    List.of(view(u, items, terms.rows(), channels), xView)));
                    BilinearTerms.Table byEntry = terms.byEntry();
                    double[][] products = new double[z.length][];
                    for (int i = 0; i < z.length; i++) {
                        int e = i / terms.entries();
                        int p = i % terms.entries();
                        products[i] = IntStream.range(byEntry.start()[p], byEntry.start()[p + 1])
                                .boxed()
                                .flatMapToDouble(t -> IntStream.range(0, channels)
                                        .mapToDouble(c -> byEntry.coefficient()[t]
                                                * u[(e * terms.rows() + byEntry.row()[t]) * channels + c]
                                                * x[(e * terms.columns() + byEntry.column()[t]) * channels + c]))
                                .toArray();
                    }
                    got = on.twice(
                            z.length,
                            at -> on.kernels.bilinear(terms, false, false).outer(uAt, xAt, at, items, channels));
                    on.assertProducts(z, products, got, "outer of " + what);
                    List.of(aAt, xAt, uAt).forEach(on.device::free);
                }
            }
        }
    }

    /// Products of gathered rows, and sums of products by segment, in both orders of the entries.
    @ParameterizedTest
    @ValueSource(ints = {8, 4})
    void bilinearMapsBetweenAtomsAndEdges(int bytes) {
        Emulated on = open(bytes);
        List<BilinearTerms> patterns =
                List.of(pattern(1, 1, 1, 1), pattern(5, 3, 4, 11), pattern(49, 235, 29, 235), pattern(7, 2, 2, 30));
        int[][] sizes = {{0, 3, 4}, {1, 1, 8}, {2, 5, 3}, {33, 7, 1}, {33, 2, 33}, {12, 5, 128}};
        for (BilinearTerms terms : patterns) {
            BilinearTerms.Table byRow = terms.byRow();
            for (int[] size : sizes) {
                int edges = size[0];
                int atoms = size[1];
                int channels = size[2];
                Index index = index(edges, atoms, random.nextBoolean());
                String what = terms + ", " + Arrays.toString(size) + ", sorted " + index.sorted();
                double[] a = on.random(random, edges * terms.entries());
                double[] ofAtoms = on.random(random, atoms * terms.columns() * channels);
                double[] ofEdges = on.random(random, edges * terms.columns() * channels);
                long aAt = on.numbers(a);
                long atomsAt = on.numbers(ofAtoms);
                long edgesAt = on.numbers(ofEdges);
                List<List<Double>> gathered = new ArrayList<>();
                List<List<Double>> summed = new ArrayList<>();
                for (int i = 0; i < edges * terms.rows() * channels; i++) {
                    gathered.add(new ArrayList<>());
                }
                for (int i = 0; i < atoms * terms.rows() * channels; i++) {
                    summed.add(new ArrayList<>());
                }
                for (int e = 0; e < edges; e++) {
                    int n = index.values()[e];
                    for (int row = 0; row < terms.rows(); row++) {
                        for (int t = byRow.start()[row]; t < byRow.start()[row + 1]; t++) {
                            double factor = byRow.coefficient()[t] * a[e * terms.entries() + byRow.entry()[t]];
                            int column = byRow.column()[t];
                            for (int c = 0; c < channels; c++) {
                                gathered.get((e * terms.rows() + row) * channels + c)
                                        .add(factor * ofAtoms[(n * terms.columns() + column) * channels + c]);
                                summed.get((n * terms.rows() + row) * channels + c)
                                        .add(factor * ofEdges[(e * terms.columns() + column) * channels + c]);
                            }
                        }
                    }
                }
                BilinearKernels kernels = on.kernels.bilinear(terms, false, false);
                long values = on.indices(index.values());
                double[] got =
                        on.twice(gathered.size(), y -> kernels.product(aAt, atomsAt, values, y, edges, channels));
                on.assertProducts(totals(gathered), arrays(gathered), got, "gathered product of " + what);
                long start = on.indices(index.start());
                long order = index.sorted() ? 0 : on.indices(index.order());
                got = on.twice(summed.size(), y -> kernels.summed(aAt, edgesAt, start, order, y, atoms, channels));
                on.assertProducts(totals(summed), arrays(summed), got, "summed product of " + what);
                List.of(aAt, atomsAt, edgesAt).forEach(on.device::free);
            }
        }
    }

    private static double[][] arrays(List<List<Double>> terms) {
        return terms.stream()
                .map(list -> list.stream().mapToDouble(Double::doubleValue).toArray())
                .toArray(double[][]::new);
    }

    private static double[] totals(List<List<Double>> terms) {
        return Arrays.stream(arrays(terms))
                .mapToDouble(list -> Arrays.stream(list).sum())
                .toArray();
    }

    /// The grid of L and M with coefficients in m-major order.
    private static ProductGrid grid(int lmax, int mmax, int polar, int azimuths) {
        CoefficientMapping mapping = CoefficientMapping.of(lmax, mmax);
        S2Grid grid = S2Grid.of(lmax, mmax, polar, azimuths);
        int[] order = mapping.reducedOfMMajor();
        IntToDoubleFunction to = i -> grid.polarTo()[i - i % order.length + order[i % order.length]];
        IntToDoubleFunction from = i -> grid.polarFrom()[i - i % order.length + order[i % order.length]];
        return new ProductGrid(
                azimuths,
                Arrays.stream(order).map(k -> grid.orders()[k]).toArray(),
                IntStream.range(0, polar * order.length).mapToDouble(to).toArray(),
                IntStream.range(0, polar * order.length).mapToDouble(from).toArray());
    }

    /// Grids with even and odd numbers of azimuths, one, many coefficients; the activation, its gradient and
    /// what second derivatives want. In float at most twice the error of plain float arithmetic.
    @ParameterizedTest
    @ValueSource(ints = {8, 4})
    void activationsOnGrids(int bytes) {
        Emulated on = open(bytes);
        List<ProductGrid> grids = List.of(
                grid(6, 2, 18, 18), grid(5, 3, 14, 14), grid(4, 2, 10, 5), grid(0, 0, 2, 1), grid(6, 6, 14, 15));
        for (ProductGrid grid : grids) {
            for (int derivative = 0; derivative <= 2; derivative++) {
                GridActivation op = new GridActivation(
                        grid,
                        derivative,
                        derivative == 0 ? Matrix.FROM : Matrix.TO,
                        List.of(Matrix.FROM, Matrix.TO).subList(0, derivative));
                for (int[] size : new int[][] {{0, 8}, {2, 1}, {5, 3}, {9, 33}, {3, 64}, {1, 130}}) {
                    int[] shape = {size[0], grid.coefficients(), size[1]};
                    int n = shape[0] * shape[1] * shape[2];
                    String what = op + " of " + Arrays.toString(shape);
                    List<Long> at = new ArrayList<>();
                    List<double[]> in = new ArrayList<>();
                    HostCall.Argument[] views = new HostCall.Argument[1 + derivative];
                    for (int k = 0; k <= derivative; k++) {
                        in.add(on.random(random, n));
                        at.add(on.numbers(in.get(k)));
                        views[k] = view(in.get(k), shape);
                    }
                    double[] exact = new double[n];
                    op.cpu(new HostCall(new HostView(exact, 0, shape), List.of(views)));
                    double largest = Arrays.stream(exact).map(Math::abs).max().orElse(0);
                    for (boolean fast : new boolean[] {false, true}) {
                        double[] got = on.twice(
                                n, y -> on.kernels.gridActivation(op, fast, 0).of(at, y, shape[0], shape[2]));
                        // where results are few, plain arithmetic may be right by luck: a value of one term has about
                        // ten roundings; a hyperbolic tangent is rounded to 11 bits
                        double plain = Math.max(2 * plainError(op, in, shape, exact), 10 * 0x1p-24 * largest);
                        double limit = bytes == 8 ? 1e-13 * largest : fast ? 0x1p-10 * largest : plain;
                        for (int i = 0; i < n; i++) {
                            assertEquals(exact[i], got[i], limit, what + ", element " + i + ", fast " + fast);
                        }
                    }
                    at.forEach(on.device::free);
                }
            }
        }
    }

    /// The largest error of the same in plain float arithmetic with whole matrices, point after point.
    private static double plainError(GridActivation op, List<double[]> in, int[] shape, double[] exact) {
        ProductGrid grid = op.grid();
        int channels = shape[2];
        float[] sum = new float[exact.length];
        float[] values = new float[in.size()];
        for (int e = 0; e < shape[0]; e++) {
            for (int c = 0; c < channels; c++) {
                for (int p = 0; p < grid.points(); p++) {
                    for (int k = 0; k < values.length; k++) {
                        values[k] = 0;
                        for (int r = 0; r < shape[1]; r++) {
                            float entry = entry(
                                    grid, k == 0 ? Matrix.TO : op.factors().get(k - 1), p, r);
                            values[k] += entry * (float) in.get(k)[(e * shape[1] + r) * channels + c];
                        }
                    }
                    float f = values[0];
                    float s = 1 / (1 + (float) Math.exp(-f));
                    float product = switch (op.derivative()) {
                        case 0 -> f * s;
                        case 1 -> s * (1 + f * (1 - s));
                        default -> s * (1 - s) * (2 + f * (1 - 2 * s));
                    };
                    for (int k = 1; k < values.length; k++) {
                        product *= values[k];
                    }
                    for (int r = 0; r < shape[1]; r++) {
                        sum[(e * shape[1] + r) * channels + c] += product * entry(grid, op.out(), p, r);
                    }
                }
            }
        }
        return IntStream.range(0, sum.length)
                .mapToDouble(i -> Math.abs(sum[i] - exact[i]))
                .max()
                .orElse(0);
    }

    private static float entry(ProductGrid grid, Matrix matrix, int point, int r) {
        return (float)
                (grid.polar(matrix, point / grid.azimuths(), r) * grid.waveAt(grid.wave(r), point % grid.azimuths()));
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 4})
    void copies(int bytes) {
        Emulated on = open(bytes);
        for (int rows : AWKWARD) {
            for (int[] widths : new int[][] {{3, 1, 5}, {8, 4, 12}, {32, 64, 1}, {1, 1, 1}}) {
                int total = widths[0] + widths[1] + widths[2];
                HostCall.Argument[] parts = new HostCall.Argument[3];
                long[] at = new long[3];
                for (int k = 0; k < 3; k++) {
                    double[] part = on.random(random, rows * widths[k]);
                    parts[k] = view(part, rows, widths[k]);
                    at[k] = on.numbers(part);
                }
                double[] joined = new double[rows * total];
                new Concat(1).cpu(new HostCall(new HostView(joined, 0, new int[] {rows, total}), List.of(parts)));
                double[] got = on.twice(rows * total, y -> {
                    List<Work> launches = new ArrayList<>();
                    long column = 0;
                    for (int k = 0; k < 3; k++) {
                        launches.addAll(on.kernels.copy(at[k], y + column * bytes, rows, widths[k], widths[k], total));
                        column += widths[k];
                    }
                    return launches;
                });
                assertArrayEquals(joined, got);
                double[] sliced = new double[rows * widths[1]];
                new Slice(1, widths[0], widths[1])
                        .cpu(new HostCall(
                                new HostView(sliced, 0, new int[] {rows, widths[1]}),
                                List.of(view(joined, rows, total))));
                long joinedAt = on.numbers(joined);
                assertArrayEquals(
                        sliced,
                        on.twice(
                                rows * widths[1],
                                y -> on.kernels.copy(
                                        joinedAt + (long) widths[0] * bytes, y, rows, widths[1], total, widths[1])));
                double[] padded = new double[rows * total];
                new Pad(1, widths[0], total)
                        .cpu(new HostCall(new HostView(padded, 0, new int[] {rows, total}), List.of(parts[1])));
                assertArrayEquals(
                        padded,
                        on.twice(
                                rows * total,
                                y -> on.kernels.perElement(
                                        "pad", rows * total, at[1], y, rows, widths[1], widths[0], total)));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 4})
    void masks(int bytes) {
        Emulated on = open(bytes);
        double[] key = {16_777_213, 98_765};
        long keyAt = on.numbers(key);
        for (int n : AWKWARD) {
            DropoutMask op = new DropoutMask(0.3, 7, new Shape(List.of(Dim.of(n))));
            double[] mask = definition(op, n, view(key, 2));
            for (int i = 0; i < n; i++) {
                mask[i] = on.stored(mask[i]);
            }
            assertArrayEquals(
                    mask,
                    on.twice(
                            n,
                            y -> on.kernels.perElement(
                                    "dropout_mask", n, keyAt, y, Double.doubleToRawLongBits(0.3), 7, n)),
                    "n " + n);
        }
    }
}
