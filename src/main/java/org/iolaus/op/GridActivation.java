package org.iolaus.op;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.op.ProductGrid.Matrix;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// SiLU of a function on the sphere, taken point by point on a grid that is never written to memory, and
/// its derivatives of every order.
///
/// With coefficients `x: (E, R, C)`, factors `v_k: (E, R, C)` and the grid's matrices T and F, (P, R):
/// `y[e, i, c] = sum over p of S[p, i] silu^(n)(sum_j T[p, j] x[e, j, c]) product over k of (sum_j S_k[p, j]
/// v_k[e, j, c])`, where n, S and the S_k (each T or F) are attributes. The activation itself has n = 0,
/// S = F and no factors (the S2 activation of Cohen et al., Spherical CNNs, ICLR 2018, as EquiformerV2 has
/// it). What it sends back is of the same form, `n = 1, S = T, v = (u), S_1 = F`, and so on to every order.
///
/// @param derivative n
/// @param out S
/// @param factors S_k
public record GridActivation(ProductGrid grid, int derivative, Matrix out, List<Matrix> factors) implements Op {

    public GridActivation {
        factors = List.copyOf(factors);
    }

    /// The activation.
    public GridActivation(ProductGrid grid) {
        this(grid, 0, Matrix.FROM, List.of());
    }

    @Override
    public Type infer(List<Type> inputs) {
        Shape x = inputs.getFirst().shape();
        boolean fits = inputs.size() == 1 + factors.size()
                && x.rank() == 3
                && x.dim(1).equals(Dim.of(grid.coefficients()))
                && inputs.stream().allMatch(input -> input.shape().equals(x));
        if (!fits) {
            throw new ShapeException(name() + ": want " + (1 + factors.size()) + " arrays of one shape (E, "
                    + grid.coefficients() + ", C), got "
                    + inputs.stream().map(Type::shape).toList());
        }
        return Type.floats(x);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        List<@Nullable Node> back = new ArrayList<>();
        for (int input = 0; input < node.inputs().size(); input++) {
            List<Node> operands = new ArrayList<>(node.inputs());
            List<Matrix> left = new ArrayList<>(factors);
            Matrix to = input == 0 ? Matrix.TO : left.remove(input - 1);
            if (input > 0) {
                operands.remove(input);
            }
            left.add(out);
            operands.add(cotangent);
            back.add(Node.of(new GridActivation(grid, input == 0 ? derivative + 1 : derivative, to, left), operands));
        }
        return back;
    }

    @Override
    public void cpu(HostCall call) {
        rows(call, 0, call.out().shape()[0]);
    }

    /// Computes the result of items `from <= e < to`: ring by ring, and on a ring point by point.
    @Override
    public void rows(HostCall call, int from, int to) {
        int channels = call.out().shape()[2];
        int size = grid.coefficients() * channels;
        int waves = grid.waves();
        SiluDerivative silu = SiluDerivative.of(derivative);
        int inputs = 1 + factors.size();
        double[][] rows = new double[inputs][waves * channels];
        double[][] points = new double[inputs][channels];
        double[] back = new double[waves * channels];
        double[] y = call.out().data();
        for (int e = from; e < to; e++) {
            int yAt = call.out().offset() + e * size;
            Arrays.fill(y, yAt, yAt + size, 0);
            for (int ring = 0; ring < grid.rings(); ring++) {
                for (int k = 0; k < inputs; k++) {
                    ring(k == 0 ? Matrix.TO : factors.get(k - 1), ring, call.in(k), e * size, rows[k], channels);
                }
                Arrays.fill(back, 0);
                for (int azimuth = 0; azimuth < grid.azimuths(); azimuth++) {
                    for (int k = 0; k < inputs; k++) {
                        Arrays.fill(points[k], 0);
                        for (int w = 0; w < waves; w++) {
                            add(grid.waveAt(w, azimuth), rows[k], w * channels, points[k], 0, channels);
                        }
                    }
                    double[] value = points[0];
                    for (int c = 0; c < channels; c++) {
                        double product = silu.at(value[c]);
                        for (int k = 1; k < inputs; k++) {
                            product *= points[k][c];
                        }
                        value[c] = product;
                    }
                    for (int w = 0; w < waves; w++) {
                        add(grid.waveAt(w, azimuth), value, 0, back, w * channels, channels);
                    }
                }
                for (int r = 0; r < grid.coefficients(); r++) {
                    double factor = grid.polar(out, ring, r);
                    add(factor, back, grid.wave(r) * channels, y, yAt + r * channels, channels);
                }
            }
        }
    }

    /// The waves of one ring, (waves, C).
    private void ring(Matrix matrix, int ring, HostView x, int start, double[] waves, int channels) {
        Arrays.fill(waves, 0);
        for (int r = 0; r < grid.coefficients(); r++) {
            int at = x.offset() + start + r * channels;
            add(grid.polar(matrix, ring, r), x.data(), at, waves, grid.wave(r) * channels, channels);
        }
    }

    private static void add(double factor, double[] x, int xAt, double[] sum, int sumAt, int n) {
        for (int c = 0; c < n; c++) {
            sum[sumAt + c] += factor * x[xAt + c];
        }
    }

    /// Arithmetic by rings and waves; an evaluation of SiLU counts 5, of a derivative `5 + 4 n`.
    @Override
    public Cost cost(Node node, Sizes sizes) {
        long transforms = 2L + factors.size();
        long perRing = 2L * transforms * (grid.coefficients() + (long) grid.azimuths() * grid.waves());
        long perPoint = 5L + 4L * derivative + factors.size();
        long columns = node.shape().dim(0).value(sizes) * node.shape().dim(2).value(sizes);
        return Cost.touching(node, sizes, columns * grid.rings() * (perRing + grid.azimuths() * perPoint));
    }

    /// Not the sphere's numbers, but any: a grid of even and one of odd rings, the second with a wave that
    /// no coefficient has.
    static List<ProductGrid> examples() {
        double[] to = new double[4 * 6];
        double[] from = new double[4 * 6];
        for (int i = 0; i < to.length; i++) {
            to[i] = Math.sin(1 + 1.7 * i);
            from[i] = Math.cos(2 + 2.3 * i) / 5;
        }
        return List.of(
                new ProductGrid(6, new int[] {0, 0, 1, -1, 2, -2}, to, from),
                new ProductGrid(
                        5, new int[] {2, 0, -2, 0}, Arrays.copyOf(to, 3 * 4), Arrays.copyOfRange(from, 4, 4 + 3 * 4)));
    }

    @Override
    public boolean readsBf16(int operand) {
        return true;
    }

    @Override
    public boolean writesBf16() {
        return true;
    }

    /// A factor of zeros makes zeros, and so do zeros where the function is SiLU itself.
    @Override
    public boolean isZero(List<Boolean> zero) {
        return zero.subList(1, zero.size()).contains(true) || (derivative == 0 && zero.get(0));
    }

    @Override
    public long sharedWork(HostCall call) {
        return (long) grid.points() * call.out().shape()[0] * call.out().shape()[2];
    }

    @Override
    public List<Sample> samples() {
        ProductGrid even = examples().get(0);
        ProductGrid odd = examples().get(1);
        GridActivation gradient = new GridActivation(even, 1, Matrix.TO, List.of(Matrix.FROM));
        GridActivation second = new GridActivation(odd, 2, Matrix.TO, List.of(Matrix.FROM, Matrix.TO));
        return List.of(
                Sample.of(new GridActivation(even), Sample.floats(5, 6, 3)),
                Sample.of(new GridActivation(odd), Sample.floats(2, 4, 33)),
                Sample.of(new GridActivation(odd), Sample.floats(0, 4, 8)),
                Sample.of(gradient, Sample.floats(3, 6, 8), Sample.floats(3, 6, 8)),
                Sample.of(second, Sample.floats(3, 4, 1), Sample.floats(3, 4, 1), Sample.floats(3, 4, 1)));
    }
}
