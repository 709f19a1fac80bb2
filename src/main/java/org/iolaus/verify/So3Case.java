package org.iolaus.verify;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5File;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.so3.EdgeFrame;
import org.iolaus.nn.so3.Rotation;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.CoefficientMapping.Coefficient;
import org.iolaus.so3.S2Grid;
import org.iolaus.so3.SphericalHarmonics;
import org.iolaus.so3.SphericalHarmonics.Normalization;
import org.iolaus.so3.Wigner;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;

/// The tables that EquiformerV2 is built on: Wigner matrices and rotations as programs make them, harmonics,
/// grids and orders of coefficients as constants. Which there are, and their sizes, is what the file has.
final class So3Case implements ReferenceCase {
    private static final Pattern SIZES = Pattern.compile("l(\\d+)_m(\\d+)(?:_res(\\d+)|_default)?");

    private final Hdf5File file;
    private final Map<String, Node> outputs = new LinkedHashMap<>();
    private final Map<String, HostTensor> floats = new HashMap<>();

    So3Case(Hdf5File file) {
        this.file = file;
        wigner();
        harmonics();
        file.groups("mapping").forEach(this::mapping);
        file.groups("grid").forEach(this::grid);
        file.groups("rotation").forEach(this::rotation);
    }

    /// Whether a file is this one.
    static boolean recognises(Hdf5File file) {
        return file.isGroup("constants/J");
    }

    private Node input(String path) {
        HostTensor value = ReferenceCase.tensor(file, path);
        floats.put(path, value);
        return Expr.input(path, Shape.of((Object[])
                java.util.Arrays.stream(value.shape()).boxed().toArray(Integer[]::new)));
    }

    private static Node constant(int[] values) {
        return Expr.constant(
                Shape.of(values.length),
                java.util.Arrays.stream(values).asDoubleStream().toArray());
    }

    private void wigner() {
        Node rotations = input("inputs/rot_mat");
        for (String name : file.datasets("outputs/wigner_block")) {
            int l = Integer.parseInt(name.substring(1));
            CoefficientMapping mapping = CoefficientMapping.of(l, l);
            int size = 2 * l + 1;
            Node blocks = EdgeFrame.given(rotations, mapping).wigner();
            Node block = Expr.slice(blocks, 1, Wigner.packedOffset(l, l), size * size);
            outputs.put(
                    "outputs/wigner_block/" + name,
                    Expr.reshape(block, Shape.of(rotations.shape().dim(0), size, size)));
        }
        for (String name : file.datasets("outputs/wigner_full")) {
            int lmax = Integer.parseInt(name.substring("lmax".length()));
            outputs.put("outputs/wigner_full/" + name, matrices(rotations, CoefficientMapping.of(lmax, lmax)));
        }
    }

    /// (E, R, K): rows of the Wigner matrices.
    private static Node matrices(Node rotations, CoefficientMapping mapping) {
        int k = mapping.fullSize();
        double[] unit = new double[k * k];
        for (int i = 0; i < k; i++) {
            unit[i * k + i] = 1;
        }
        Node units = Expr.broadcast(
                Expr.constant(Shape.of(1, k, k), unit),
                Shape.of(rotations.shape().dim(0), k, k));
        Rotation rotation = new Rotation(mapping, Rotation.Order.REDUCED);
        return rotation.toEdge(EdgeFrame.given(rotations, mapping).wigner(), units);
    }

    private void harmonics() {
        double[] vectors = file.doubles("inputs/vectors");
        for (Normalization normalization : Normalization.values()) {
            String path = "outputs/sh_" + normalization.name().toLowerCase(java.util.Locale.ROOT);
            int[] shape = file.shape(path);
            int lmax = (int) Math.round(Math.sqrt(shape[1])) - 1;
            double[] values = new double[shape[0] * shape[1]];
            for (int i = 0; i < shape[0]; i++) {
                double[] one = SphericalHarmonics.at(
                        lmax, normalization, vectors[3 * i], vectors[3 * i + 1], vectors[3 * i + 2]);
                System.arraycopy(one, 0, values, i * shape[1], shape[1]);
            }
            outputs.put(path, Expr.constant(Shape.of(shape[0], shape[1]), values));
        }
    }

    private Matcher sizes(String path, String name) {
        Matcher matcher = SIZES.matcher(name);
        if (!matcher.matches()) {
            throw new DataException(file.name() + ", " + path + ": want names such as l4_m2_res18, got " + name);
        }
        return matcher;
    }

    private CoefficientMapping mapping(Matcher sizes) {
        return CoefficientMapping.of(Integer.parseInt(sizes.group(1)), Integer.parseInt(sizes.group(2)));
    }

    private void mapping(String name) {
        CoefficientMapping mapping = mapping(sizes("mapping", name));
        String at = "mapping/" + name + "/";
        List<Coefficient> reduced = mapping.reduced();
        outputs.put(
                at + "l_harmonic",
                constant(reduced.stream().mapToInt(Coefficient::l).toArray()));
        outputs.put(
                at + "m_complex",
                constant(reduced.stream().mapToInt(Coefficient::m).toArray()));
        outputs.put(at + "m_size", constant(mapping.mSize()));
        outputs.put(at + "full_index_of_reduced", constant(mapping.fullOfReduced()));
        outputs.put(at + "m_primary_to_l_primary", constant(mapping.reducedOfMMajor()));
    }

    private void grid(String name) {
        Matcher sizes = sizes("grid", name);
        CoefficientMapping mapping = mapping(sizes);
        S2Grid grid = sizes.group(3) == null
                ? S2Grid.of(mapping.lmax(), mapping.mmax())
                : S2Grid.of(mapping.lmax(), mapping.mmax(), Integer.parseInt(sizes.group(3)));
        Shape shape = Shape.of(grid.betas().length, grid.alphas().length, mapping.reducedSize());
        String at = "grid/" + name + "/";
        outputs.put(at + "betas", Expr.constant(Shape.of(grid.betas().length), grid.betas()));
        outputs.put(at + "alphas", Expr.constant(Shape.of(grid.alphas().length), grid.alphas()));
        outputs.put(at + "to_grid_mat", Expr.constant(shape, grid.to()));
        outputs.put(at + "from_grid_mat", Expr.constant(shape, grid.from()));
    }

    private void rotation(String name) {
        CoefficientMapping mapping = mapping(sizes("rotation", name));
        String at = "rotation/" + name + "/";
        Node rotations = input(at + "inputs/edge_rot_mat");
        Node wigner = EdgeFrame.given(rotations, mapping).wigner();
        Rotation rotation = new Rotation(mapping, Rotation.Order.REDUCED);
        CoefficientMapping all = CoefficientMapping.of(mapping.lmax(), mapping.lmax());
        Node matrices = matrices(rotations, all);
        outputs.put(at + "outputs/wigner", matrices);
        outputs.put(at + "outputs/wigner_inv", Expr.transpose(matrices, 0, 2, 1));
        outputs.put(at + "outputs/x_rotated", rotation.toEdge(wigner, input(at + "inputs/x_full")));
        outputs.put(at + "outputs/y_rotated_back", rotation.toGlobal(wigner, input(at + "inputs/y_reduced")));
    }

    @Override
    public Optional<String> unsupported() {
        return Optional.empty();
    }

    @Override
    public Parameters parameters() {
        return new Parameters();
    }

    @Override
    public Program program() {
        return Program.of(outputs);
    }

    @Override
    public Batch batch() {
        return new Batch(floats, Map.of());
    }

    /// Paths from the root of the file.
    @Override
    public List<String> arrays(String folder) {
        return folder.equals("outputs") ? List.copyOf(outputs.keySet()) : List.of();
    }

    @Override
    public HostTensor array(String folder, String name) {
        return ReferenceCase.tensor(file, name);
    }

    @Override
    public Map<String, HostTensor> state() {
        return Map.of();
    }
}
