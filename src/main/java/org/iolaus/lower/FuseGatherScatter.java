package org.iolaus.lower;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.op.BilinearProduct;
import org.iolaus.op.Gather;
import org.iolaus.op.SegmentSum;

/// Joins bilinear maps of edges with what brings their arguments from atoms, or their results to atoms:
///
/// | what | becomes |
/// | --- | --- |
/// | a bilinear product of gathered rows | [GatherBilinear] |
/// | the segment sum of a bilinear product that nothing else uses | [BilinearSegmentSum] |
///
/// The features of an edge in the frame of space are large, and no other step needs them.
final class FuseGatherScatter extends Rewriter {
    private final Map<Node, Integer> uses = new HashMap<>();

    private FuseGatherScatter(Program program) {
        program.nodes().forEach(node -> node.inputs().forEach(input -> uses.merge(input, 1, Integer::sum)));
        program.outputs().values().forEach(node -> uses.merge(node, 1, Integer::sum));
    }

    static Program run(Program program) {
        return new FuseGatherScatter(program).rewrite(program);
    }

    @Override
    protected Node rewritten(Node node) {
        if (node.op() instanceof BilinearProduct product && node.input(1).op() instanceof Gather) {
            List<Node> from =
                    List.of(node.input(0), node.input(1).input(0), node.input(1).input(1));
            return Node.of(new GatherBilinear(product.terms()), images(from));
        }
        if (node.op() instanceof SegmentSum
                && node.input(0).op() instanceof BilinearProduct product
                && uses.getOrDefault(node.input(0), 0) == 1) {
            List<Node> from = List.of(node.input(0).input(0), node.input(0).input(1), node.input(1));
            return Node.of(new BilinearSegmentSum(product.terms()), images(from));
        }
        return same(node);
    }
}
