package org.iolaus.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.iolaus.ir.Cost;
import org.iolaus.ir.Node;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.junit.jupiter.api.Test;

/// The cost model, by hand for N = 10 atoms, E = 70 edges and 8 channels.
final class CostTest {
    private static final Dim N = Dim.symbol("N");
    private static final Dim E = Dim.symbol("E");
    private static final Sizes SIZES = new Sizes(Map.of("N", 10, "E", 70));

    private final Node atoms = Expr.input("atoms", Shape.of(N, 8));
    private final Node edges = Expr.input("edges", Shape.of(E, 8));
    private final Node target = Expr.index("target", E, N);

    private static Cost cost(Node node) {
        return node.op().cost(node, SIZES);
    }

    @Test
    void reductionsCountWhatTheyAddUp() {
        assertEquals(new Cost(560, 560 + 70 + 80), cost(Expr.segmentSum(edges, target)));
        assertEquals(new Cost(560, 560 + 8), cost(Node.of(new Sum(List.of(0)), List.of(edges))));
    }

    @Test
    void productsCountMultiplicationsAndAdditions() {
        Node weight = Expr.parameter("weight", Shape.of(8, 16));
        Node product = Node.of(new MatMul(false, false), List.of(edges, weight));
        assertEquals(new Cost(2 * 70 * 8 * 16, 560 + 128 + 1120), cost(product));
    }

    @Test
    void movingIsNoArithmetic() {
        assertEquals(new Cost(0, 2 * 560 + 1120), cost(Expr.concat(1, edges, edges)));
        assertEquals(new Cost(80, 160), cost(Expr.tanh(atoms)));
    }
}
