package org.iolaus.mpnn;

import org.iolaus.ir.Node;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Geometry;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Linear;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;

/// Moves each atom along its edges: by the mean over neighbours of `vector / (length + 1)` times a learned factor
/// (Satorras, Hoogeboom and Welling 2021, eq. 4).
final class CoordinateUpdate {
    private static final double LARGEST_STEP_ANGSTROM = 100;

    private final Linear hidden;
    private final Linear factor;
    private final boolean bounded;

    /// @param width of the edge features
    /// @param bounded whether the factor goes through a tanh
    CoordinateUpdate(Scope scope, int width, boolean bounded) {
        hidden = Linear.of(scope.at(0), width, width);
        factor = Linear.of(scope.at(2), width, 1, Initializer.xavierUniform(0.001), null);
        this.bounded = bounded;
    }

    /// (E, 3): the step of the target that each edge asks for, Å
    ///
    /// @param edge (E, width)
    Node steps(Geometry geometry, Node edge) {
        Node size = factor.apply(Activation.RELU.apply(hidden.apply(edge)));
        Node along = Expr.mul(geometry.vector(), Expr.reciprocal(Expr.shift(geometry.length(), 1)));
        Node step = Expr.mul(along, bounded ? Expr.tanh(size) : size);
        return Expr.clamp(step, -LARGEST_STEP_ANGSTROM, LARGEST_STEP_ANGSTROM);
    }
}
