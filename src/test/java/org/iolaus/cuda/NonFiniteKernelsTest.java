package org.iolaus.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.LongFunction;
import java.util.stream.IntStream;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.GridActivation;
import org.iolaus.op.ProductGrid;
import org.iolaus.op.ProductGrid.Matrix;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A number that is not one comes out of every hand-written kernel wherever it goes in, and nowhere else.
final class NonFiniteKernelsTest {
    private Emulated on;

    @AfterEach
    void close() {
        if (on != null) {
            on.close();
        }
    }

    private void check(String what, int n, LongFunction<List<Work>> work, int... want) {
        double[] got = on.twice(n, work);
        int[] seen = IntStream.range(0, n).filter(i -> Double.isNaN(got[i])).toArray();
        assertEquals(Arrays.toString(want), Arrays.toString(seen), what);
    }

    /// @param at number that is none
    private long numbers(int n, int at) {
        double[] values = on.random(new Random(n), n);
        values[at] = Double.NaN;
        return on.numbers(values);
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 4})
    void nansArePassedOn(int bytes) {
        on = new Emulated(bytes);
        Kernels kernels = on.kernels;
        long x = numbers(6 * 5, 2 * 5 + 3);
        long start = on.indices(0, 3, 3, 6);
        check("segment sum", 15, y -> kernels.segmentSum(x, start, 0, y, 3, 5, 6), 3);
        check("segment maximum", 15, y -> kernels.segmentMax(x, start, 0, y, 3, 5, 6), 3);
        for (int at : new int[] {0, 41, 99}) { // first, between, last: by groups of threads
            long column = numbers(100, at);
            long whole = on.indices(0, 100);
            check("long segment's maximum", 1, y -> kernels.segmentMax(column, whole, 0, y, 1, 1, 100), 0);
        }
        check("sum", 5, y -> kernels.reduceSum(x, false, y, on.empty(64), 1, 6, 5), 3);
        check("copy", 30, y -> kernels.copy(x, y, 6, 5, 5, 5), 13);
        check("padding", 42, y -> kernels.perElement("pad", 42, x, y, 6, 5, 1, 7), 2 * 7 + 4);
        BilinearTerms terms = new BilinearTerms(2, 1, 2, List.of(new BilinearTerms.Term(1, 0, 1, 2)));
        long a = numbers(3, 1);
        long features = numbers(3 * 2 * 4, 2 * 8 + 4 + 1);
        check(
                "bilinear map",
                24,
                y -> kernels.bilinear(terms, false, false).product(a, features, 0, y, 3, 4),
                12,
                13,
                14,
                15,
                21);
        ProductGrid grid = new ProductGrid(1, new int[] {0}, new double[] {1, 1}, new double[] {1, 1});
        for (boolean fast : new boolean[] {false, true}) {
            GridActivation op = new GridActivation(grid, 0, Matrix.FROM, List.of());
            check("grid", 30, y -> kernels.gridActivation(op, fast, 0).of(List.of(x), y, 6, 5), 13);
        }
        if (bytes == 4) {
            long b = on.numbers(on.random(new Random(1), 5 * 2));
            check("small product", 12, c -> kernels.smallGemm(GemmFormat.FP32, false, x, b, c, 6, 2, 5), 4, 5);
            check("parts for TF32", 90, y -> kernels.split(false, x, y, 6, 5), 2 * 15 + 3);
        }
        GemmFormat format = bytes == 8 ? GemmFormat.FP64 : GemmFormat.FP32;
        long ones = on.numbers(1, 1, 1, 1, 1);
        check("product", 6, c -> List.of(new Work.Gemm(format, 6, 1, 5, x, ones, c)), 2);
    }
}
