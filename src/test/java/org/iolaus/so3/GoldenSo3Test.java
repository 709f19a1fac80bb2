package org.iolaus.so3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.iolaus.data.Hdf5File;
import org.iolaus.so3.CoefficientMapping.Coefficient;
import org.iolaus.so3.SphericalHarmonics.Normalization;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/// Every array of the reference file `so3.h5`, to 1e-12. The cases are those that the file has.
final class GoldenSo3Test {
    private static final double TOLERANCE = 1e-12;
    private static final Pattern SIZES = Pattern.compile("l(\\d+)_m(\\d+)(?:_res(\\d+)|_default)?");
    private static final Path PATH =
            Path.of(System.getProperty("golden.dir", "src/test/resources/golden"), "equiformer_v2", "so3.h5");

    private final Hdf5File file = Hdf5File.open(PATH);

    private static int[] sizes(String name) {
        Matcher matcher = SIZES.matcher(name);
        assertTrue(matcher.matches(), name);
        int resolution = matcher.group(3) == null ? 0 : Integer.parseInt(matcher.group(3));
        return new int[] {Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)), resolution};
    }

    private static Stream<DynamicTest> tests(List<String> names, java.util.function.Consumer<String> body) {
        assertTrue(!names.isEmpty());
        return names.stream().map(name -> DynamicTest.dynamicTest(name, () -> body.accept(name)));
    }

    private void same(String dataset, double[] got) {
        assertArrayEquals(file.doubles(dataset), got, TOLERANCE, dataset);
    }

    @TestFactory
    Stream<DynamicTest> mappings() {
        return tests(file.groups("mapping"), name -> {
            int[] sizes = sizes(name);
            CoefficientMapping mapping = CoefficientMapping.of(sizes[0], sizes[1]);
            String at = "mapping/" + name + "/";
            List<Coefficient> reduced = mapping.reduced();
            int r = mapping.reducedSize();
            assertEquals(file.doubles(at + "res_size")[0], r);
            assertArrayEquals(
                    ints(at + "l_harmonic"),
                    reduced.stream().mapToInt(Coefficient::l).toArray());
            assertArrayEquals(
                    ints(at + "m_complex"),
                    reduced.stream().mapToInt(Coefficient::m).toArray());
            assertArrayEquals(
                    ints(at + "m_harmonic"),
                    reduced.stream().mapToInt(c -> Math.abs(c.m())).toArray());
            assertArrayEquals(ints(at + "m_size"), mapping.mSize());
            assertArrayEquals(ints(at + "full_index_of_reduced"), mapping.fullOfReduced());
            assertArrayEquals(ints(at + "m_primary_to_l_primary"), mapping.reducedOfMMajor());
            double[] toM = new double[r * r];
            double[] rescale = new double[mapping.fullSize() * r];
            for (int k = 0; k < r; k++) {
                toM[k * r + mapping.reducedOfMMajor()[k]] = 1;
                assertEquals(k, mapping.mMajorOfReduced()[mapping.reducedOfMMajor()[k]]);
            }
            for (int i = 0; i < mapping.fullSize(); i++) {
                Coefficient full = mapping.full().get(i);
                for (int k = 0; k < r; k++) {
                    rescale[i * r + k] = reduced.get(k).l() == full.l() ? mapping.rescale(full) : 1;
                }
            }
            same(at + "to_m", toM);
            same(at + "rotate_inv_rescale", rescale);
        });
    }

    private int[] ints(String dataset) {
        return Arrays.stream(file.doubles(dataset))
                .mapToInt(value -> (int) value)
                .toArray();
    }

    @TestFactory
    Stream<DynamicTest> grids() {
        return tests(file.groups("grid"), name -> {
            int[] sizes = sizes(name);
            S2Grid grid = sizes[2] == 0 ? S2Grid.of(sizes[0], sizes[1]) : S2Grid.of(sizes[0], sizes[1], sizes[2]);
            same("grid/" + name + "/betas", grid.betas());
            same("grid/" + name + "/alphas", grid.alphas());
            same("grid/" + name + "/to_grid_mat", grid.to());
            same("grid/" + name + "/from_grid_mat", grid.from());
        });
    }

    @TestFactory
    Stream<DynamicTest> jMatrices() {
        return tests(file.datasets("constants/J"), name -> {
            double[] want = file.doubles("constants/J/" + name);
            assertArrayEquals(want, Wigner.j(Integer.parseInt(name.substring(1))), 2e-14);
        });
    }

    @TestFactory
    Stream<DynamicTest> wignerBlocks() {
        double[] rotations = file.doubles("inputs/rot_mat");
        return tests(file.datasets("outputs/wigner_block"), name -> {
            int l = Integer.parseInt(name.substring(1));
            same("outputs/wigner_block/" + name, each(rotations, 9, one -> Wigner.blocks(l, one)[l]));
        });
    }

    @TestFactory
    Stream<DynamicTest> wignerMatrices() {
        double[] rotations = file.doubles("inputs/rot_mat");
        return tests(file.datasets("outputs/wigner_full"), name -> {
            int lmax = Integer.parseInt(name.substring("lmax".length()));
            same("outputs/wigner_full/" + name, each(rotations, 9, one -> Wigner.matrix(lmax, one)));
        });
    }

    /// The three angles of the reference give the same rotation: `Z(alpha) J Z(beta) J Z(gamma)`.
    @TestFactory
    Stream<DynamicTest> wignerFromAngles() {
        double[] angles = file.doubles("outputs/angles_alpha_beta_gamma");
        return tests(file.datasets("outputs/wigner_block"), name -> {
            int l = Integer.parseInt(name.substring(1));
            double[] j = Wigner.j(l);
            same("outputs/wigner_block/" + name, each(angles, 3, a -> {
                double[] d = Matrices.product(turn(l, a[0]), Matrices.product(j, turn(l, a[1])));
                return Matrices.product(d, Matrices.product(j, turn(l, a[2])));
            }));
        });
    }

    private static double[] turn(int l, double angle) {
        int width = 2 * l + 1;
        double[] z = new double[width * width];
        for (int i = 0; i < width; i++) {
            z[i * width + width - 1 - i] = Math.sin((l - i) * angle);
            z[i * width + i] = Math.cos((l - i) * angle);
        }
        return z;
    }

    @TestFactory
    Stream<DynamicTest> harmonics() {
        double[] vectors = file.doubles("inputs/vectors");
        List<String> names = file.datasets("outputs").stream()
                .filter(name -> name.startsWith("sh_"))
                .toList();
        return tests(names, name -> {
            int lmax = (int) Math.sqrt(file.shape("outputs/" + name)[1]) - 1;
            Normalization kind = Normalization.valueOf(name.substring(3).toUpperCase(Locale.ROOT));
            same("outputs/" + name, each(vectors, 3, v -> SphericalHarmonics.at(lmax, kind, v[0], v[1], v[2])));
        });
    }

    @TestFactory
    Stream<DynamicTest> edgeRotations() {
        return tests(file.groups("rotation"), name -> {
            int[] sizes = sizes(name);
            CoefficientMapping mapping = CoefficientMapping.of(sizes[0], sizes[1]);
            String at = "rotation/" + name + "/";
            double[] rotations = file.doubles(at + "inputs/edge_rot_mat");
            double[] vectors = file.doubles(at + "inputs/edge_distance_vec");
            for (int e = 0; e < vectors.length / 3; e++) {
                double[] v = Arrays.copyOfRange(vectors, 3 * e, 3 * e + 3);
                double[] up = Matrices.product(Arrays.copyOfRange(rotations, 9 * e, 9 * e + 9), v);
                assertArrayEquals(new double[] {0, Math.sqrt(Matrices.product(v, v)[0]), 0}, up, 1e-9);
            }
            double[] full = each(rotations, 9, one -> Wigner.matrix(sizes[0], one));
            same(at + "outputs/wigner", full);
            same(at + "outputs/wigner_inv", each(full, 49 * 49, d -> Matrices.transposed(d, 49)));
            assertEquals(49, mapping.fullSize());
        });
    }

    private static double[] each(double[] data, int width, java.util.function.UnaryOperator<double[]> f) {
        return Stream.iterate(0, at -> at < data.length, at -> at + width)
                .flatMapToDouble(at -> Arrays.stream(f.apply(Arrays.copyOfRange(data, at, at + width))))
                .toArray();
    }

    @AfterAll
    static void isThere() {
        assertTrue(PATH.toFile().isFile());
    }
}
