package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.Op;
import org.iolaus.tensor.Shape;

/// All primitive operations with a computation of their own; a test holds this list against the package.
public final class Ops {

    public static final List<Op> ALL = List.of(
            new Constant(Shape.of(1), List.of(0.0)),
            new Add(),
            new Sub(),
            new Mul(),
            new Div(),
            new Max(),
            new Min(),
            new Less(),
            new Equal(),
            new Where(),
            new Scale(1),
            new Shift(0),
            new Power(1),
            new Sqrt(),
            new Exp(),
            new Log(),
            new Sin(),
            new Cos(),
            new Tanh(),
            new Sigmoid(),
            new Softplus(),
            new Abs(),
            new Sign(),
            new Step(),
            new IsFinite(),
            new Detach(),
            new MatMul(false, false),
            new BilinearProduct(BilinearProduct.examples().getFirst()),
            new BilinearOuter(BilinearProduct.examples().getFirst()),
            new GridActivation(GridActivation.examples().getFirst()),
            new Gather(),
            new SegmentSum(),
            new SegmentMax(),
            new Sum(List.of(0)),
            new SquareSums(1),
            new Broadcast(Shape.SCALAR),
            new Reshape(Shape.SCALAR),
            new Transpose(List.of()),
            new Slice(0, 0, 1),
            new Pad(0, 0, 1),
            new Concat(0),
            new DropoutMask(0, 0, Shape.SCALAR),
            new AllReduce());

    private Ops() {}
}
