package org.iolaus.nn.so3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.data.Hdf5File;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.BilinearTerms.Term;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.CoefficientMapping.Coefficient;
import org.iolaus.so3.Matrices;
import org.iolaus.so3.Wigner;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.Test;

final class RotationTest {
    private static final Path PATH =
            Path.of(System.getProperty("golden.dir", "src/test/resources/golden"), "equiformer_v2", "so3.h5");

    static Map<String, HostTensor> run(Map<String, Node> outputs, Map<String, HostTensor> inputs) {
        try (CpuExecutor executor = new CpuExecutor(Program.of(outputs), CpuExecutor.Options.SINGLE)) {
            return executor.run(inputs, Map.of(), Map.of());
        }
    }

    static HostTensor tensor(double[] data, int... shape) {
        return new HostTensor(shape, data);
    }

    /// From the reduced order to the m-major one or back: (E, R, C) to (E, R, C).
    private static Node reorder(CoefficientMapping mapping, Node x, boolean mMajor) {
        int[] from = mMajor ? mapping.reducedOfMMajor() : mapping.mMajorOfReduced();
        List<Term> terms = new ArrayList<>();
        for (int row = 0; row < from.length; row++) {
            terms.add(new Term(row, 0, from[row], 1));
        }
        Node one = Expr.full(Shape.of(x.shape().dim(0), 1), 1);
        return Expr.bilinear(new BilinearTerms(from.length, 1, from.length, terms), one, x);
    }

    /// The reference's rotation of an embedding and its way back, from the rotation matrices it used.
    @Test
    void agreesWithTheReference() {
        try (Hdf5File file = Hdf5File.open(PATH)) {
            for (String name : file.groups("rotation")) {
                String at = "rotation/" + name + "/";
                int[] shape = file.shape(at + "inputs/x_full");
                int edges = shape[0];
                CoefficientMapping mapping = CoefficientMapping.of(
                        Integer.parseInt(name.substring(1, 2)), Integer.parseInt(name.substring(4)));
                Rotation rotation = new Rotation(mapping, Rotation.Order.REDUCED);
                Rotation mMajor = new Rotation(mapping, Rotation.Order.M_MAJOR);
                int r = mapping.reducedSize();
                Node matrices = Expr.input("rotations", Shape.of("E", 3, 3));
                Node x = Expr.input("x", Shape.of("E", mapping.fullSize(), shape[2]));
                Node y = Expr.input("y", Shape.of("E", r, shape[2]));
                Node wigner = EdgeFrame.given(matrices, mapping).wigner();
                Map<String, Node> outputs = new LinkedHashMap<>();
                outputs.put("there", rotation.toEdge(wigner, x));
                outputs.put("back", rotation.toGlobal(wigner, y));
                outputs.put("there m", reorder(mapping, mMajor.toEdge(wigner, x), false));
                outputs.put("back m", mMajor.toGlobal(wigner, reorder(mapping, y, true)));
                Map<String, HostTensor> got = run(
                        outputs,
                        Map.of(
                                "rotations", tensor(file.doubles(at + "inputs/edge_rot_mat"), edges, 3, 3),
                                "x", tensor(file.doubles(at + "inputs/x_full"), shape),
                                "y", tensor(file.doubles(at + "inputs/y_reduced"), edges, r, shape[2])));
                for (String order : List.of("", " m")) {
                    double[] there = got.get("there" + order).data();
                    double[] back = got.get("back" + order).data();
                    assertArrayEquals(file.doubles(at + "outputs/x_rotated"), there, 1e-12);
                    assertArrayEquals(file.doubles(at + "outputs/y_rotated_back"), back, 1e-12);
                }
            }
        }
    }

    /// Each resolution on its own gives what both together give; the blocks are those of the larger one.
    @Test
    void resolutionsShareTheBlocks() {
        CoefficientMapping mapping = new CoefficientMapping(List.of(2, 4), List.of(1, 2));
        Random random = new Random(1);
        double[] turn = Matrices.rotation(random);
        double[] x = random.doubles(mapping.fullSize() * 2L, -1, 1).toArray();
        Rotation both = new Rotation(mapping, Rotation.Order.REDUCED);
        assertEquals(Wigner.packedSize(4, 2), both.storage());
        Node wigner = Expr.input("wigner", Shape.of(1, both.storage()));
        Node node = Expr.input("x", Shape.of(1, mapping.fullSize(), 2));
        Node there = both.toEdge(wigner, node);
        Rotation first = both.resolution(0);
        Rotation second = both.resolution(1);
        Node alone = Expr.concat(
                1, first.toEdge(wigner, Expr.slice(node, 1, 0, 9)), second.toEdge(wigner, Expr.slice(node, 1, 9, 25)));
        int r = first.mapping().reducedSize();
        Node back = Expr.concat(
                1,
                first.toGlobal(wigner, Expr.slice(there, 1, 0, r)),
                second.toGlobal(wigner, Expr.slice(there, 1, r, second.mapping().reducedSize())));
        Map<String, HostTensor> got = run(
                Map.of("there", there, "alone", alone, "back", both.toGlobal(wigner, there), "back alone", back),
                Map.of("x", tensor(x, 1, 34, 2), "wigner", tensor(Wigner.packed(4, 2, turn), 1, both.storage())));
        assertArrayEquals(got.get("there").data(), got.get("alone").data(), 1e-15);
        assertArrayEquals(got.get("back").data(), got.get("back alone").data(), 1e-15);
        double[] small = Matrices.product(Wigner.matrix(2, turn), Arrays.copyOf(x, 18));
        assertArrayEquals(
                Arrays.copyOf(small, 8), Arrays.copyOf(got.get("there").data(), 8), 1e-14);
    }

    @Test
    void zeroOrdersComeBackAsAllDo() {
        CoefficientMapping mapping = new CoefficientMapping(List.of(3, 2), List.of(2, 1));
        Random random = new Random(2);
        Rotation rotation = new Rotation(mapping, Rotation.Order.M_MAJOR);
        Node wigner = Expr.input("wigner", Shape.of(1, rotation.storage()));
        Node zeros = Expr.input("x", Shape.of(1, 7, 3));
        int rest = mapping.reducedSize() - 7;
        Node padded = Expr.concat(1, zeros, Expr.zeros(Shape.of(1, rest, 3)));
        assertEquals(
                List.of(0, 0, 0, 0, 1, 1, 1),
                rotation.edgeOrder().subList(0, 7).stream()
                        .map(Coefficient::resolution)
                        .toList());
        Map<String, HostTensor> got = run(
                Map.of("short", rotation.zeroToGlobal(wigner, zeros), "long", rotation.toGlobal(wigner, padded)),
                Map.of(
                        "wigner", tensor(Wigner.packed(3, 2, Matrices.rotation(random)), 1, rotation.storage()),
                        "x", tensor(random.doubles(21, -1, 1).toArray(), 1, 7, 3)));
        assertArrayEquals(got.get("long").data(), got.get("short").data(), 1e-15);
    }
}
