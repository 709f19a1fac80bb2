package org.iolaus.op;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.ir.View;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// Axes in another order: result axis `i` is input axis `permutation[i]`.
public record Transpose(List<Integer> permutation) implements View {

    public Transpose {
        permutation = List.copyOf(permutation);
    }

    @Override
    public Type infer(List<Type> inputs) {
        Shape shape = inputs.getFirst().shape();
        List<Integer> sorted = permutation.stream().sorted().toList();
        List<Dim> dims = new ArrayList<>();
        for (int i = 0; i < shape.rank(); i++) {
            if (permutation.size() != shape.rank() || sorted.get(i) != i) {
                throw new ShapeException(
                        name() + ": want a permutation of the axes of " + shape + ", got " + permutation);
            }
            dims.add(shape.dim(permutation.get(i)));
        }
        return Type.floats(new Shape(dims));
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        int[] inverse = new int[permutation.size()];
        for (int i = 0; i < inverse.length; i++) {
            inverse[permutation.get(i)] = i;
        }
        return List.of(Expr.transpose(cotangent, inverse));
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        HostView out = call.out();
        int rank = permutation.size();
        int[] stride = new int[rank];
        int step = 1;
        for (int axis = rank - 1; axis >= 0; axis--) {
            stride[permutation.indexOf(axis)] = step;
            step *= x.shape()[axis];
        }
        for (int i = 0; i < step; i++) {
            int rest = i;
            int at = 0;
            for (int axis = rank - 1; axis >= 0; axis--) {
                at += rest % out.shape()[axis] * stride[axis];
                rest /= out.shape()[axis];
            }
            out.set(i, x.get(at));
        }
    }

    @Override
    public List<Sample> samples() {
        return List.of(
                Sample.of(new Transpose(List.of(1, 0)), Sample.floats(31, 5)),
                Sample.of(new Transpose(List.of(2, 0, 1)), Sample.floats(4, 3, 5)));
    }
}
