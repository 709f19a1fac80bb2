package org.iolaus.nn.so3;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.iolaus.ir.Node;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.BilinearTerms.Term;
import org.iolaus.op.DropoutMask;
import org.iolaus.op.Expr;
import org.iolaus.so3.AlignedWigner;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.Wigner;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// The frames of edges: for each edge a rotation that takes its direction to `+y`, as Wigner blocks.
///
/// Rotations that differ by a roll about the edge are equally good (the gauge). SO(2) convolutions, gates and
/// attention weights do not depend on the roll; activations on a grid do, by the error of the grid. [#rolled] and
/// [#given] are the frames of the reference: the roll comes from outside, and there is no gradient.
///
/// [#smooth] has a gradient. No roll is continuous over all directions (it would comb the sphere), so there are two
/// gauges. The upper one is the smallest rotation that takes the direction `n` to `+y`; it is regular everywhere but
/// at `n = -y`. The lower one is the smallest rotation that takes `n` to `-y`, then a half turn about x; it is
/// regular everywhere but at `+y`. They differ by a roll of twice the azimuth of `n`. An edge has the upper gauge for
/// `n_y >= 0`, the lower one below. The jump between them matters only to what depends on the gauge, which is the
/// grid alone. [#activate] evaluates the grid in both gauges; where `|n_y| < 1/4` it blends them by a partition of
/// unity, `t^4 (35 - 84 t + 70 t^2 - 20 t^3)`, whose third derivative is continuous. So the energy of a network is
/// three times continuously differentiable in the positions, poles included, as far as its other parts are, and
/// forces are its exact derivative.
public final class EdgeFrame {
    /// Height up to which both gauges are evaluated.
    public static final double ZONE = 0.25;

    private static final int DIGITS = 24;

    private final Node wigner;
    private final @Nullable Blend blend;

    /// What joins the two gauges in the equatorial zone.
    ///
    /// @param multiples (E, 2 mmax + 1): 1, then cosine and sine of the roll to the other gauge times 1, 2, ...
    /// @param weight (E, 1, 1): of the other gauge, 0 to 1/2
    private record Blend(Node multiples, Node weight) {}

    private EdgeFrame(Node wigner, @Nullable Blend blend) {
        this.wigner = wigner;
        this.blend = blend;
    }

    /// Frames with derivatives of every order.
    ///
    /// @param vector (E, 3): edge vectors, not 0
    /// @param mapping up to which degree and order the blocks go
    public static EdgeFrame smooth(Node vector, CoefficientMapping mapping) {
        Direction direction = new Direction(vector);
        return new EdgeFrame(direction.wigner(mapping.lmax(), mapping.mmax()), direction.blend(mapping.mmax()));
    }

    /// The reference's frames: a roll about the edge, no gradient.
    ///
    /// @param vector (E, 3): edge vectors, not 0
    /// @param roll (E, 1): angles by which the frame of [#smooth] is turned about the edge, rad
    public static EdgeFrame rolled(Node vector, Node roll, CoefficientMapping mapping) {
        Node angle = Expr.detach(roll);
        Node wigner = new Direction(Expr.detach(vector)).wigner(mapping.lmax(), mapping.mmax());
        return new EdgeFrame(roll(wigner, Expr.cos(angle), Expr.sin(angle), mapping), null);
    }

    /// Random rolls, uniform over the circle: a pure function of (seed, step, stream, edge).
    ///
    /// @param key (2): seed and step
    /// @param stream the stream of random numbers, one for each place in a program that draws some
    /// @return (E, 1), rad
    public static Node randomRoll(Node key, int stream, Dim edges) {
        double[] weights = new double[DIGITS];
        for (int digit = 0; digit < DIGITS; digit++) {
            weights[digit] = Math.PI * Math.pow(2, -digit - 1); // the mask is 0 or 2
        }
        Node digits = Node.of(new DropoutMask(0.5, stream, Shape.of(edges, DIGITS)), key);
        return Expr.sum(Expr.mul(digits, Expr.constant(Shape.of(DIGITS), weights)), 1);
    }

    /// Frames from rotation matrices `R` with `R vector = |vector| (0, 1, 0)`, no gradient.
    ///
    /// @param rotation (E, 3, 3)
    public static EdgeFrame given(Node rotation, CoefficientMapping mapping) {
        Node fixed = Expr.detach(rotation);
        Direction direction = new Direction(row(fixed, 1));
        Node own = direction.wigner(Math.max(1, mapping.lmax()), 1);
        Node axis = Expr.slice(own, 1, Wigner.packedIndex(1, 1, -1, 1), 3);
        Node cosine = Expr.sum(Expr.mul(row(fixed, 2), axis), 1);
        Node sine = Expr.sum(Expr.mul(row(fixed, 0), axis), 1);
        Node wigner = direction.wigner(mapping.lmax(), mapping.mmax());
        return new EdgeFrame(roll(wigner, cosine, sine, mapping), null);
    }

    private static Node row(Node rotation, int i) {
        return Expr.squeeze(Expr.slice(rotation, 1, i, 1), 1);
    }

    /// The Wigner blocks, (E, S): see [Rotation].
    public Node wigner() {
        return wigner;
    }

    /// Applies a function of the coefficients of an edge that depends on the gauge, such as an activation on a grid.
    /// The result does not depend on it where the frame is smooth.
    ///
    /// @param x (E, R, C), in the order of `rotation`
    /// @param function from (E, R, C) to (E, R, C)
    public Node activate(Rotation rotation, Node x, UnaryOperator<Node> function) {
        Node plain = function.apply(x);
        if (blend == null) {
            return plain;
        }
        Node other = rotation.rollBack(blend.multiples(), function.apply(rotation.roll(blend.multiples(), x)));
        return Expr.add(plain, Expr.mul(Expr.sub(other, plain), blend.weight()));
    }

    /// Unit vectors of edges, as columns (E, 1), and which gauge each is in.
    private static final class Direction {
        private final Node x;
        private final Node y;
        private final Node z;
        private final Node below;
        private final Node side;

        Direction(Node vector) {
            Node length = Expr.sqrt(Expr.sum(Expr.square(vector), 1));
            Node unit = Expr.div(vector, length);
            x = Expr.slice(unit, 1, 0, 1);
            y = Expr.slice(unit, 1, 1, 1);
            z = Expr.slice(unit, 1, 2, 1);
            below = Expr.less(y, Expr.full(y.shape(), 0));
            side = Expr.shift(Expr.scale(below, -2), 1);
        }

        /// The blocks of the gauge that is regular here.
        Node wigner(int lmax, int mmax) {
            AlignedWigner table = new AlignedWigner(lmax, mmax);
            Node up = Expr.mul(y, side);
            Node ahead = Expr.mul(z, side);
            List<Node> cosines = new ArrayList<>();
            List<Node> sines = new ArrayList<>();
            powers(ahead, x, lmax + mmax, cosines, sines);
            Node division = Expr.reciprocal(Expr.scale(Expr.shift(up, 1), 0.5));
            List<Node> divisions = new ArrayList<>();
            divisions.add(Expr.full(up.shape(), 1));
            for (int d = 1; d <= mmax; d++) {
                divisions.add(Expr.mul(divisions.get(d - 1), division));
            }
            List<Node> factors = table.factors().stream()
                    .map(f -> Expr.mul((f.sine() ? sines : cosines).get(f.power()), divisions.get(f.division())))
                    .toList();
            List<Node> chebyshev = new ArrayList<>(List.of(Expr.full(up.shape(), 1), up));
            for (int j = 2; j <= lmax; j++) {
                Node twice = Expr.scale(Expr.mul(up, chebyshev.get(j - 1)), 2);
                chebyshev.add(Expr.sub(twice, chebyshev.get(j - 2)));
            }
            List<Term> terms = table.terms().stream()
                    .map(t -> new Term(t.entry(), t.factor(), t.chebyshev(), t.coefficient()))
                    .toList();
            BilinearTerms pattern = new BilinearTerms(table.size(), factors.size(), lmax + 1, terms);
            Node polynomials = Expr.unsqueeze(Expr.concat(1, chebyshev.subList(0, lmax + 1)), 2);
            Node upper = Expr.squeeze(Expr.bilinear(pattern, Expr.concat(1, factors), polynomials), 2);
            return Expr.mul(upper, Expr.shift(Expr.mul(below, flips(lmax, mmax)), 1));
        }

        /// (S): -2 for the columns whose sign the half turn about x changes, else 0.
        private static Node flips(int lmax, int mmax) {
            double[] flips = new double[Wigner.packedSize(lmax, mmax)];
            for (int l = 0; l <= lmax; l++) {
                for (int m = -Math.min(l, mmax); m <= Math.min(l, mmax); m++) {
                    for (int n = -l; n <= l; n++) {
                        flips[Wigner.packedIndex(l, m, n, mmax)] = AlignedWigner.halfTurn(l, n) - 1;
                    }
                }
            }
            return Expr.constant(Shape.of(flips.length), flips);
        }

        /// The roll to the other gauge is minus twice the azimuth above, twice the azimuth below.
        Blend blend(int mmax) {
            Node height = Expr.mul(y, side);
            Node inside = Expr.less(height, Expr.full(height.shape(), ZONE));
            Node radius = Expr.where(inside, Expr.add(Expr.square(x), Expr.square(z)), Expr.full(x.shape(), 1));
            Node cosine = Expr.div(Expr.sub(Expr.square(z), Expr.square(x)), radius);
            Node sine = Expr.mul(Expr.div(Expr.scale(Expr.mul(x, z), -2), radius), side);
            Node t = Expr.shift(Expr.scale(Expr.min(height, Expr.full(height.shape(), ZONE)), -0.5 / ZONE), 0.5);
            Node cubic = Expr.mul(t, Expr.shift(Expr.mul(t, Expr.shift(Expr.scale(t, -20), 70)), -84));
            Node step = Expr.mul(Expr.square(Expr.square(t)), Expr.shift(cubic, 35));
            return new Blend(multiples(cosine, sine, mmax), Expr.unsqueeze(step, 2));
        }
    }

    /// Real and imaginary parts of `(real + i imaginary)^k`, k = 0 .. most.
    private static void powers(Node real, Node imaginary, int most, List<Node> reals, List<Node> imaginaries) {
        reals.add(Expr.full(real.shape(), 1));
        imaginaries.add(Expr.full(real.shape(), 0));
        for (int k = 1; k <= most; k++) {
            Node a = reals.get(k - 1);
            Node b = imaginaries.get(k - 1);
            reals.add(Expr.sub(Expr.mul(a, real), Expr.mul(b, imaginary)));
            imaginaries.add(Expr.add(Expr.mul(a, imaginary), Expr.mul(b, real)));
        }
    }

    /// (E, 2 most + 1): 1, then cosine and sine of 1, 2, ... most times an angle.
    private static Node multiples(Node cosine, Node sine, int most) {
        List<Node> cosines = new ArrayList<>();
        List<Node> sines = new ArrayList<>();
        powers(cosine, sine, most, cosines, sines);
        List<Node> all = new ArrayList<>(List.of(cosines.getFirst()));
        for (int k = 1; k <= most; k++) {
            all.add(cosines.get(k));
            all.add(sines.get(k));
        }
        return Expr.concat(1, all);
    }

    /// Blocks after a rotation about +y, which mixes the rows m and -m.
    private static Node roll(Node wigner, Node cosine, Node sine, CoefficientMapping mapping) {
        int mmax = mapping.mmax();
        List<Term> terms = new ArrayList<>();
        for (int l = 0; l <= mapping.lmax(); l++) {
            for (int m = -Math.min(l, mmax); m <= Math.min(l, mmax); m++) {
                for (int n = -l; n <= l; n++) {
                    int row = Wigner.packedIndex(l, m, n, mmax);
                    int size = Math.abs(m);
                    terms.add(new Term(row, m == 0 ? 0 : 2 * size - 1, row, 1));
                    if (m != 0) {
                        terms.add(new Term(row, 2 * size, Wigner.packedIndex(l, -m, n, mmax), m > 0 ? -1 : 1));
                    }
                }
            }
        }
        int size = Wigner.packedSize(mapping.lmax(), mmax);
        BilinearTerms pattern = new BilinearTerms(size, 2 * mmax + 1, size, terms);
        Node multiples = multiples(cosine, sine, mmax);
        return Expr.squeeze(Expr.bilinear(pattern, multiples, Expr.unsqueeze(wigner, 2)), 2);
    }
}
