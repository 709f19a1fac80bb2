package org.iolaus.lower;

import java.util.List;
import org.iolaus.ir.LoopSum;
import org.iolaus.ir.Node;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// Which sums fit into loops.
final class LoopSums {
    /// Columns that one sum inside a loop can take: a warp holds them in registers.
    static final int MOST_COLUMNS = 512;
    /// Rows that one group of threads sums without help.
    static final int MOST_ROWS = 1024;

    private LoopSums() {}

    /// What a loop brings together to compute a sum.
    enum Kind {
        /// nothing: it is no sum, or no loop can compute it
        NONE,
        COLUMNS,
        ROWS
    }

    static Kind of(Node node) {
        return switch (node.op().loopSum()) {
            case null -> Kind.NONE;
            case LoopSum.Axes sum when ofColumns(node.input(0).shape(), sum.axes()) -> Kind.COLUMNS;
            case LoopSum.Axes sum -> ofRows(node.input(0).shape(), sum.axes()) ? Kind.ROWS : Kind.NONE;
            case LoopSum.Segments _, LoopSum.Runs _ ->
                haveConstantRows(node.input(0).shape()) ? Kind.ROWS : Kind.NONE;
        };
    }

    /// Whether a sum over axes is one over the columns of rows: the last axes, not too many entries.
    static boolean ofColumns(Shape shape, List<Integer> axes) {
        Dim volume = Dim.of(1);
        boolean summed = false;
        for (int axis = 0; axis < shape.rank(); axis++) {
            if (shape.dim(axis).isOne()) {
                continue;
            }
            boolean now = axes.contains(axis);
            if ((summed && !now) || (now && axis == 0)) {
                return false;
            }
            summed = now;
            volume = now ? volume.times(shape.dim(axis)) : volume;
        }
        return summed && volume.isConstant() && volume.factor() > 0 && volume.longValue() <= MOST_COLUMNS;
    }

    /// Whether a sum over axes is one over few rows.
    static boolean ofRows(Shape shape, List<Integer> axes) {
        return axes.contains(0)
                && axes.stream().allMatch(axis -> axis == 0 || shape.dim(axis).isOne())
                && !shape.dim(0).isOne()
                && shape.dim(0).isConstant()
                && shape.dim(0).longValue() <= MOST_ROWS
                && haveConstantRows(shape);
    }

    /// Whether all extents but the first are constant, as a walk over rows needs it.
    static boolean haveConstantRows(Shape shape) {
        return shape.rank() > 0
                && shape.dims().subList(1, shape.rank()).stream().allMatch(dim -> dim.isConstant() && dim.factor() > 0);
    }
}
