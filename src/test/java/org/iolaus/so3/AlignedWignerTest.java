package org.iolaus.so3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class AlignedWignerTest {

    /// The smallest rotation that takes a unit vector to +y.
    static double[] smallest(double x, double y, double z) {
        return Matrices.rotation(1 + y, -z, 0, x);
    }

    @ParameterizedTest
    @CsvSource({"0,0", "1,0", "1,1", "3,1", "4,2", "6,2", "6,6", "8,2", "8,8"})
    void isTheWignerMatrixOfTheSmallestRotation(int lmax, int mmax) {
        AlignedWigner aligned = new AlignedWigner(lmax, mmax);
        Random random = new Random(lmax * 10L + mmax);
        for (int i = 0; i < 60; i++) {
            double[] v = random.doubles(3, -1, 1).toArray();
            double size = i == 0 ? 0 : i < 10 ? Math.pow(10, -i) : 1;
            double length = Math.sqrt(v[0] * v[0] * size * size + v[1] * v[1] + v[2] * v[2] * size * size);
            double x = v[0] * size / length;
            double y = Math.abs(v[1]) / length;
            double z = v[2] * size / length;
            double[] r = smallest(x, y, z);
            assertArrayEquals(new double[] {0, 1, 0}, Matrices.product(r, new double[] {x, y, z}), 1e-15);
            assertArrayEquals(Wigner.packed(lmax, mmax, r), aligned.at(x, y, z), 1e-13, x + " " + y + " " + z);
        }
    }

    /// In the lower half sphere too, less well as 1 / h grows.
    @Test
    void holdsBelowTheEquator() {
        AlignedWigner aligned = new AlignedWigner(6, 2);
        double y = -0.6;
        double x = 0.48;
        double z = 0.64;
        assertArrayEquals(Wigner.packed(6, 2, smallest(x, y, z)), aligned.at(x, y, z), 1e-12);
    }

    @Test
    void halfTurnIsDiagonal() {
        double[][] blocks = Wigner.blocks(8, new double[] {1, 0, 0, 0, -1, 0, 0, 0, -1});
        for (int l = 0; l <= 8; l++) {
            int width = 2 * l + 1;
            for (int row = 0; row < width; row++) {
                for (int column = 0; column < width; column++) {
                    double want = row == column ? AlignedWigner.halfTurn(l, column - l) : 0;
                    assertEquals(want, blocks[l][row * width + column], 1e-14);
                }
            }
        }
    }

    @Test
    void isSmall() {
        assertTrue(new AlignedWigner(6, 2).terms().size() < 3000);
        assertTrue(new AlignedWigner(6, 2).factors().size() < 60);
    }
}
