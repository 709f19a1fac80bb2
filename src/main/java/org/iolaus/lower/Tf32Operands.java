package org.iolaus.lower;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;

/// The parts of a factor for products in TF32: `x: (..., M, K)`, result `(..., M, 3, K)` or `(..., 3, M, K)`.
///
/// With `high` the nearest number that TF32 has (10 bits of fraction) and `low` the one nearest to `x - high`,
/// the three are `(high, low, high)` in one factor and `(high, high, low)` in the other. Joined with the axis that is
/// summed over they make factors three times as long, whose product in TF32 is `high high + low high + high low`: the
/// product but for at most `2^-21` of each term. Infinities stay what they are: with them low and its neighbour are
/// 0. Only lowering makes it.
///
/// @param other whether low comes last
/// @param stacked whether the parts of the whole matrix follow one another, not those of each row
public record Tf32Operands(boolean other, boolean stacked) implements LoweredOp {
    /// Parts of a number.
    static final int PARTS = 3;

    /// Bits of a double behind those that TF32 has.
    private static final int MORE_BITS = 42;

    /// Whether a product multiplies split factors.
    public static boolean isIn(Node product) {
        return product.op() instanceof MatMul
                && MaterializeViews.owner(product.input(0)).op() instanceof Tf32Operands;
    }

    @Override
    public Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        if (shape.rank() < 2) {
            throw new ShapeException(name() + ": want (..., M, K), got " + shape);
        }
        List<Dim> dims = new ArrayList<>(shape.dims());
        dims.add(axis(shape.rank()), Dim.of(PARTS));
        return Type.floats(new Shape(dims));
    }

    /// The axis of the parts.
    ///
    /// @param rank of what is split
    public int axis(int rank) {
        return rank - (stacked ? 2 : 1);
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        HostView out = call.out();
        int width = 1;
        for (int axis = axis(x.shape().length); axis < x.shape().length; axis++) {
            width *= x.shape()[axis];
        }
        for (int i = 0; i < x.volume(); i++) {
            double high = rounded(x.get(i));
            double low = Double.isFinite(high) ? rounded(x.get(i) - high) : 0;
            double cross = Double.isFinite(high) ? high : 0;
            int first = i / width * PARTS * width + i % width;
            out.set(first, high);
            out.set(first + width, other ? cross : low);
            out.set(first + 2 * width, other ? low : cross);
        }
    }

    /// The nearest number with as many bits as one of TF32.
    private static double rounded(double x) {
        long half = 1L << (MORE_BITS - 1);
        return Double.isFinite(x)
                ? Double.longBitsToDouble((Double.doubleToRawLongBits(x) + half) & -(1L << MORE_BITS))
                : x;
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(this, Sample.floats(5, 3)),
                Sample.of(this, Sample.floats(31, 8)),
                Sample.of(this, Sample.floats(3, 7, 4)));
    }
}
