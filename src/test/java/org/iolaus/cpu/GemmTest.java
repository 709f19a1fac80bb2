package org.iolaus.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.iolaus.tensor.HostView;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Products against their definition, for sizes around those of the tiles, parts of rows and matrices inside
/// larger arrays.
final class GemmTest {
    private static final int[] SIZES = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 21, 31, 32, 33, 64, 127};

    @ParameterizedTest
    @CsvSource({"false, false", "false, true", "true, false", "true, true"})
    void productsAreRight(boolean transposeA, boolean transposeB) {
        for (long seed = 0; seed < 400; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int m = size(random);
            int n = size(random);
            int k = size(random);
            int shift = random.nextInt(5);
            double[] a = random.doubles(m * k + 5, -1, 1).toArray();
            double[] b = random.doubles(k * n + 5, -1, 1).toArray();
            double[] out = new double[m * n + 5];
            Arrays.fill(out, 9);
            int from = random.nextInt(m);
            int to = random.nextInt(from, m) + 1;
            Gemm.rows(
                    transposeA,
                    transposeB,
                    m,
                    n,
                    k,
                    new HostView(a, shift, transposeA ? new int[] {k, m} : new int[] {m, k}),
                    0,
                    new HostView(b, 0, transposeB ? new int[] {n, k} : new int[] {k, n}),
                    shift,
                    new HostView(out, shift, new int[] {m, n}),
                    0,
                    from,
                    to);
            for (int i = 0; i < m; i++) {
                for (int j = 0; j < n; j++) {
                    double sum = 0;
                    for (int p = 0; p < k; p++) {
                        sum += a[shift + (transposeA ? p * m + i : i * k + p)]
                                * b[shift + (transposeB ? j * k + p : p * n + j)];
                    }
                    double expected = i >= from && i < to ? sum : 9;
                    String where = "seed " + seed + " row " + i + " column " + j;
                    assertEquals(expected, out[shift + i * n + j], 1e-12, where);
                }
            }
            for (int i = 0; i < 5; i++) {
                int at = i < shift ? i : m * n + i;
                assertEquals(9, out[at], "seed " + seed + " writes outside");
            }
        }
    }

    private static int size(SplittableRandom random) {
        return SIZES[random.nextInt(SIZES.length)];
    }
}
