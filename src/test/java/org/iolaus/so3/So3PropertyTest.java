package org.iolaus.so3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.iolaus.so3.CoefficientMapping.Coefficient;
import org.iolaus.so3.SphericalHarmonics.Normalization;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What holds for every rotation and direction, to degree 8.
final class So3PropertyTest {
    private static final int LMAX = 8;
    private static final double TOLERANCE = 5e-14;

    @RepeatedTest(8)
    void wignerIsAnOrthogonalHomomorphism(RepetitionInfo repetition) {
        Random random = new Random(repetition.getCurrentRepetition());
        double[] a = Matrices.rotation(random);
        double[] b = Matrices.rotation(random);
        double[][] ofA = Wigner.blocks(LMAX, a);
        double[][] ofB = Wigner.blocks(LMAX, b);
        double[][] ofBoth = Wigner.blocks(LMAX, Matrices.product(a, b));
        double[][] ofInverse = Wigner.blocks(LMAX, Matrices.transposed(a, 3));
        for (int l = 0; l <= LMAX; l++) {
            int width = 2 * l + 1;
            assertArrayEquals(ofBoth[l], Matrices.product(ofA[l], ofB[l]), TOLERANCE, "product, l " + l);
            assertArrayEquals(Matrices.transposed(ofA[l], width), ofInverse[l], TOLERANCE, "inverse, l " + l);
            double[] identity = new double[width * width];
            for (int i = 0; i < width; i++) {
                identity[i * width + i] = 1;
            }
            assertArrayEquals(identity, Matrices.product(ofA[l], ofInverse[l]), TOLERANCE, "orthogonal, l " + l);
        }
    }

    @RepeatedTest(8)
    void wignerTurnsHarmonics(RepetitionInfo repetition) {
        Random random = new Random(repetition.getCurrentRepetition());
        double[] r = Matrices.rotation(random);
        double[] v = repetition.getCurrentRepetition() == 1
                ? new double[] {0, -1, 0}
                : random.doubles(3, -1, 1).toArray();
        double[] turned = Matrices.product(r, v);
        for (Normalization kind : Normalization.values()) {
            double[] y = SphericalHarmonics.at(LMAX, kind, v[0], v[1], v[2]);
            double[] want = SphericalHarmonics.at(LMAX, kind, turned[0], turned[1], turned[2]);
            double[] got = Matrices.product(Wigner.matrix(LMAX, r), y);
            assertArrayEquals(want, got, TOLERANCE * 5);
        }
    }

    /// Half turns and quarter turns about the axes, where angles would be undefined.
    @Test
    void wignerIsExactForTurnsAboutAxes() {
        double[][] turns = {
            {1, 0, 0, 0, 1, 0, 0, 0, 1},
            {-1, 0, 0, 0, 1, 0, 0, 0, -1},
            {1, 0, 0, 0, -1, 0, 0, 0, -1},
            {-1, 0, 0, 0, -1, 0, 0, 0, 1},
            {1, 0, 0, 0, 0, -1, 0, 1, 0},
            {0, 0, 1, 0, 1, 0, -1, 0, 0}
        };
        for (double[] turn : turns) {
            double[][] blocks = Wigner.blocks(LMAX, turn);
            for (int l = 0; l <= LMAX; l++) {
                int width = 2 * l + 1;
                double[] power = blocks[l];
                for (int k = 0; k < 3; k++) {
                    power = Matrices.product(power, blocks[l]);
                }
                for (int i = 0; i < power.length; i++) {
                    assertEquals(i % (width + 1) == 0 ? 1 : 0, power[i], TOLERANCE);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 5, 8})
    void jIsASymmetricInvolution(int l) {
        double[] j = Wigner.j(l);
        int width = 2 * l + 1;
        double[] square = Matrices.product(j, j);
        for (int i = 0; i < square.length; i++) {
            assertEquals(i % (width + 1) == 0 ? 1 : 0, square[i], 1e-14);
        }
        assertArrayEquals(Matrices.transposed(j, width), j, 1e-14);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 6})
    void packedRowsAreThoseOfTheBlocks(int mmax) {
        int lmax = 6;
        double[] r = Matrices.rotation(new Random(5));
        double[] packed = Wigner.packed(lmax, mmax, r);
        double[][] blocks = Wigner.blocks(lmax, r);
        assertEquals(Wigner.packedSize(lmax, mmax), packed.length);
        int count = 0;
        for (int l = 0; l <= lmax; l++) {
            for (int m = -Math.min(l, mmax); m <= Math.min(l, mmax); m++) {
                for (int n = -l; n <= l; n++) {
                    assertEquals(count, Wigner.packedIndex(l, m, n, mmax));
                    assertEquals(blocks[l][(m + l) * (2 * l + 1) + n + l], packed[count++]);
                }
            }
        }
        assertEquals(packed.length, count);
    }

    @Test
    void harmonicsHaveTheirNorms() {
        Random random = new Random(3);
        for (int i = 0; i < 20; i++) {
            double[] v = random.doubles(3, -1, 1).toArray();
            for (Normalization kind : Normalization.values()) {
                double[] y = SphericalHarmonics.at(LMAX, kind, v[0], v[1], v[2]);
                for (int l = 0; l <= LMAX; l++) {
                    double sum = 0;
                    for (int k = l * l; k < (l + 1) * (l + 1); k++) {
                        sum += y[k] * y[k];
                    }
                    double want = switch (kind) {
                        case INTEGRAL -> (2 * l + 1) / (4 * Math.PI);
                        case COMPONENT -> 2 * l + 1;
                        case NORM -> 1;
                    };
                    assertEquals(want, sum, 1e-13 * want);
                }
            }
        }
        double[] unit = SphericalHarmonics.at(1, Normalization.NORM, 3, -4, 12);
        assertArrayEquals(new double[] {1, 3.0 / 13, -4.0 / 13, 12.0 / 13}, unit, 1e-15);
        assertThrows(IllegalArgumentException.class, () -> SphericalHarmonics.at(1, Normalization.NORM, 0, 0, 0));
    }

    @ParameterizedTest
    @CsvSource({"0,0,0", "1,1,0", "2,1,0", "4,2,0", "4,4,0", "6,2,18", "6,6,18", "6,3,18", "8,8,0", "8,8,18", "5,3,14"})
    void gridKeepsCoefficients(int lmax, int mmax, int resolution) {
        S2Grid grid = resolution == 0 ? S2Grid.of(lmax, mmax) : S2Grid.of(lmax, mmax, resolution);
        List<Coefficient> reduced = CoefficientMapping.of(lmax, mmax).reduced();
        int r = reduced.size();
        assertEquals(grid.points() * r, grid.to().length);
        for (int i = 0; i < r; i++) {
            for (int k = 0; k < r; k++) {
                double sum = 0;
                for (int point = 0; point < grid.points(); point++) {
                    sum += grid.to()[point * r + i] * grid.from()[point * r + k];
                }
                int l = reduced.get(i).l();
                double scale = l > mmax ? (2.0 * l + 1) / (2 * mmax + 1) : 1;
                assertEquals(i == k ? scale : 0, sum, 1e-13 * scale, reduced.get(i) + " to " + reduced.get(k));
            }
        }
    }

    /// Both matrices are a factor of the polar angle times a wave of the azimuth.
    @ParameterizedTest
    @CsvSource({"0,0,0", "4,2,0", "6,2,18", "8,8,0", "5,3,14"})
    void gridIsAProduct(int lmax, int mmax, int resolution) {
        S2Grid grid = resolution == 0 ? S2Grid.of(lmax, mmax) : S2Grid.of(lmax, mmax, resolution);
        int azimuths = grid.alphas().length;
        int r = grid.orders().length;
        for (int i = 0; i < grid.to().length; i++) {
            int k = i % r;
            int polar = i / (r * azimuths) * r + k;
            int m = grid.orders()[k];
            double angle = m * grid.alphas()[i / r % azimuths];
            double wave = m < 0 ? -Math.sin(angle) : Math.cos(angle);
            assertEquals(grid.to()[i], grid.polarTo()[polar] * wave, 1e-14);
            assertEquals(grid.from()[i], grid.polarFrom()[polar] * wave, 1e-14);
        }
    }

    /// Resolution by resolution in the full and reduced orders; for each m all resolutions side by side in
    /// the m-major one.
    @Test
    void severalResolutionsStandSideBySide() {
        CoefficientMapping both = new CoefficientMapping(List.of(3, 2), List.of(2, 1));
        assertEquals(16 + 9, both.fullSize());
        assertEquals(1 + 3 + 5 + 5 + 1 + 3 + 3, both.reducedSize());
        assertEquals(CoefficientMapping.of(2, 1), both.resolution(1));
        assertArrayEquals(new int[] {7, 5, 2}, both.mSize());
        List<Coefficient> order = both.mMajor();
        assertEquals(both.reducedSize(), order.size());
        assertEquals(
                List.of(
                        new Coefficient(0, 3, 0),
                        new Coefficient(1, 0, 0),
                        new Coefficient(1, 1, 0),
                        new Coefficient(1, 2, 0),
                        new Coefficient(0, 1, 1),
                        new Coefficient(0, 2, 1),
                        new Coefficient(0, 3, 1),
                        new Coefficient(1, 1, 1),
                        new Coefficient(1, 2, 1),
                        new Coefficient(0, 1, -1)),
                order.subList(3, 13));
        assertEquals(new Coefficient(0, 3, -2), order.getLast());
        for (int k = 0; k < order.size(); k++) {
            Coefficient reduced = both.reduced().get(both.reducedOfMMajor()[k]);
            assertEquals(order.get(k), reduced);
            assertEquals(reduced, both.full().get(both.fullOfReduced()[both.reducedOfMMajor()[k]]));
        }
        assertEquals(Math.sqrt(7.0 / 5), both.rescale(new Coefficient(0, 3, 1)));
        assertEquals(Math.sqrt(5.0 / 3), both.rescale(new Coefficient(1, 2, 0)));
        assertEquals(1, both.rescale(new Coefficient(0, 2, 0)));
    }

    @Test
    void badSizesAreRefused() {
        Exception mapping = assertThrows(IllegalArgumentException.class, () -> CoefficientMapping.of(2, 3));
        assertTrue(mapping.getMessage().contains("0 <= mmax <= lmax, got [2] and [3]"));
        assertThrows(IllegalArgumentException.class, () -> new CoefficientMapping(List.of(2), List.of()));
        assertThrows(IllegalArgumentException.class, () -> S2Grid.of(4, 2, 17));
        assertThrows(IllegalArgumentException.class, () -> Wigner.blocks(2, new double[4]));
    }
}
