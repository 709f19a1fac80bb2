package org.iolaus.ir;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.kernel.TileFunction;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;

/// An operation that applies a scalar function element by element; inputs have one rank, and extents of 1 stretch.
/// Lowering fuses chains of these into one loop.
public interface Pointwise extends Op, TileFunction {

    @Override
    default Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        for (Type input : inputs) {
            if (input.isIndex()) {
                throw new ShapeException(name() + ": want numbers, got an index");
            }
            shape = broadcast(name(), shape, input.shape());
        }
        return Type.floats(shape);
    }

    /// The common shape of two of equal rank.
    static Shape broadcast(String where, Shape a, Shape b) {
        if (a.rank() != b.rank()) {
            throw new ShapeException(where + ": want shapes of one rank, got " + a + " and " + b);
        }
        List<Dim> dims = new ArrayList<>(a.rank());
        for (int i = 0; i < a.rank(); i++) {
            Dim x = a.dim(i);
            Dim y = b.dim(i);
            if (!x.equals(y) && !x.isOne() && !y.isOne()) {
                throw new ShapeException(where + ": want extents that are equal or 1, got " + a + " and " + b);
            }
            dims.add(x.isOne() ? y : x);
        }
        return new Shape(dims);
    }

    @Override
    default void cpu(HostCall call) {
        HostView out = call.out();
        int n = out.volume();
        double[][] in = new double[call.arguments().size()][];
        for (int k = 0; k < in.length; k++) {
            in[k] = stretch(call.in(k), out.shape());
        }
        double[] result = new double[n];
        apply(result, in, n);
        System.arraycopy(result, 0, out.data(), out.offset(), n);
    }

    @Override
    default Op part(int axis, int length) {
        return this;
    }

    /// One, unless an operation says otherwise.
    @Override
    default double instructions(Node node) {
        return 1;
    }

    /// The view's elements repeated along its extents of 1 until it has the given shape.
    static double[] stretch(HostView view, int[] shape) {
        int n = 1;
        for (int extent : shape) {
            n *= extent;
        }
        double[] result = new double[n];
        for (int i = 0; i < n; i++) {
            int rest = i;
            int at = 0;
            int stride = 1;
            for (int axis = shape.length - 1; axis >= 0; axis--) {
                int coordinate = rest % shape[axis];
                rest /= shape[axis];
                at += view.shape()[axis] == 1 ? 0 : coordinate * stride;
                stride *= view.shape()[axis];
            }
            result[i] = view.get(at);
        }
        return result;
    }
}
