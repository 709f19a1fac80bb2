package org.iolaus.lower;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.op.Expr;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Has large matrix products computed in TF32 with the digits of floats: the operands become three times as long
/// ([Tf32Operands]), and so do the sums.
///
/// A split operand is memory written and read for tensor cores that are several times as fast: worth it where both
/// extents of the result are at least 256 (atoms and edges are many) and the sum is not short, 128.
///
/// Products near one another in the program share an operand's parts, as the two do that a cotangent enters; for others
/// it is split again, so that the backward pass keeps no parts of the forward pass.
final class Tf32x3 extends Rewriter {
    private static final long LEAST_EXTENT = 256;
    private static final long LEAST_SUM = 128;
    /// Nodes between products that share an operand's parts.
    private static final int NEAR = 16;

    private final LowPrecision lowPrecision;
    private final Map<Factor, Made> made = new HashMap<>();
    private int now;

    private record Factor(Node node, Tf32Operands split) {}

    /// @param last the place in the program of the last product that uses it
    private record Made(Node parts, int last) {}

    private Tf32x3(LowPrecision lowPrecision) {
        this.lowPrecision = lowPrecision;
    }

    static Program run(Program program, LowPrecision lowPrecision) {
        return lowPrecision.isTf32x3() ? new Tf32x3(lowPrecision).rewrite(program) : program;
    }

    @Override
    protected Node rewritten(Node node) {
        Node made = node.op() instanceof MatMul product && isSplit(product, node)
                ? split(product, node.input(0), node.input(1))
                : same(node);
        now++;
        return made;
    }

    private boolean isSplit(MatMul product, Node node) {
        Shape a = node.input(0).shape();
        return lowPrecision == LowPrecision.TF32X3_EVERYWHERE
                || (isAtLeast(LEAST_EXTENT, node.shape().dim(-2))
                        && isAtLeast(LEAST_EXTENT, node.shape().dim(-1))
                        && isAtLeast(LEAST_SUM, a.dim(product.transposeA() ? -2 : -1)));
    }

    private static boolean isAtLeast(long least, Dim extent) {
        return extent.isConstant() ? extent.longValue() >= least : Bf16Storage.isLarge(extent);
    }

    private Node split(MatMul product, Node left, Node right) {
        boolean lastOfLeft = !product.transposeA();
        boolean lastOfRight = product.transposeB();
        // parts and what is summed over have to come in one order in both
        boolean stackedLeft = !lastOfLeft && lastOfRight;
        boolean stackedRight = lastOfLeft && !lastOfRight;
        boolean swapped = known(left, false, stackedLeft) + known(right, true, stackedRight)
                < known(left, true, stackedLeft) + known(right, false, stackedRight);
        Node a = factor(new Factor(left, new Tf32Operands(swapped, stackedLeft)), lastOfLeft);
        Node b = factor(new Factor(right, new Tf32Operands(!swapped, stackedRight)), lastOfRight);
        return Node.of(product, List.of(a, b));
    }

    /// 1 for an operand with such parts nearby, else 0.
    private int known(Node operand, boolean other, boolean stacked) {
        return near(new Factor(operand, new Tf32Operands(other, stacked))) == null ? 0 : 1;
    }

    private @Nullable Node near(Factor factor) {
        Made known = made.get(factor);
        return known != null && now - known.last <= NEAR ? known.parts : null;
    }

    /// The parts of an operand, joined with what the product sums over.
    ///
    /// @param last whether that is the operand's last axis
    private Node factor(Factor factor, boolean last) {
        Node known = near(factor);
        Node parts = known == null ? Node.of(factor.split, List.of(image(factor.node))) : known;
        made.put(factor, new Made(parts, now));
        List<Dim> dims = new ArrayList<>(factor.node.shape().dims());
        int axis = dims.size() - (last ? 1 : 2);
        dims.set(axis, dims.get(axis).times(Dim.of(Tf32Operands.PARTS)));
        return Expr.reshape(parts, new Shape(dims));
    }
}
