package org.iolaus.lower;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// Random mixtures of pointwise chains, views, products and reductions over nodes (N, C) and edges (E, C), with
/// gradients of gradients.
///
/// Inputs: `x`, `y` (N, C), `e` (E, C), `column` (E, 1), `vector` (E, 3), `source`, `target` E -> N; parameters `w`
/// (C, C) and `b` (C, 1).
public final class RandomPrograms {
    private static final Dim N = Dim.symbol("N");
    private static final Dim E = Dim.symbol("E");

    private RandomPrograms() {}

    /// The outputs of one.
    ///
    /// @param c number of columns, at least 2
    public static Map<String, Node> outputs(Random random, int c) {
        List<Node> nodes = new ArrayList<>(List.of(Expr.input("x", Shape.of(N, c)), Expr.input("y", Shape.of(N, c))));
        List<Node> edges = new ArrayList<>(List.of(Expr.input("e", Shape.of(E, c))));
        Node weight = Expr.parameter("w", Shape.of(c, c));
        Node bias = Expr.parameter("b", Shape.of(c, 1));
        Node column = Expr.input("column", Shape.of(E, 1));
        Node vector = Expr.unsqueeze(Expr.input("vector", Shape.of(E, 3)), 2);
        Node source = Expr.index("source", E, N);
        Node target = Expr.index("target", E, N);
        for (int step = 0; step < 14; step++) {
            Node x = nodes.get(random.nextInt(nodes.size()));
            Node y = nodes.get(random.nextInt(nodes.size()));
            Node e = edges.get(random.nextInt(edges.size()));
            Node f = edges.get(random.nextInt(edges.size()));
            switch (random.nextInt(18)) {
                case 0 -> nodes.add(Expr.tanh(Expr.matmul(x, weight)));
                case 1 -> nodes.add(bounded(Expr.segmentSum(Expr.sigmoid(e), target)));
                case 2 -> edges.add(Expr.mul(Expr.gather(x, source), e));
                case 3 -> edges.add(Expr.mul(e, Expr.cos(column)));
                case 4 -> nodes.add(Expr.add(x, Expr.scale(y, 0.5)));
                case 5 -> edges.add(Expr.concat(1, Expr.slice(e, 1, c - c / 2, c / 2), Expr.slice(f, 1, 0, c - c / 2)));
                case 6 -> nodes.add(Expr.mul(x, Expr.sum(Expr.sin(y), 1)));
                case 7 -> edges.add(Expr.sub(Expr.gather(Expr.tanh(x), target), Expr.gather(y, source)));
                case 8 -> {
                    Node cube = Expr.mul(Expr.unsqueeze(x, 1), Expr.constant(Shape.of(1, 3, 1), 1, -2, 0.5));
                    nodes.add(Expr.squeeze(Expr.sum(Expr.mul(cube, Expr.unsqueeze(Expr.sin(y), 1)), 1), 1));
                }
                case 9 -> nodes.add(Expr.matmul(Expr.transpose(Expr.transpose(x, 1, 0), 1, 0), weight, false, true));
                case 10 -> nodes.add(Expr.sub(Expr.mul(x, y), bounded(Expr.sum(Expr.tanh(y), 0))));
                case 11 -> nodes.add(bounded(Expr.segmentSum(Expr.mul(e, Expr.gather(x, target)), source)));
                case 12 -> edges.add(Expr.mul(e, Expr.tanh(Expr.sum(Expr.mul(f, Expr.gather(x, source)), 1))));
                case 13 -> {
                    Node sum = bounded(Expr.segmentSum(Expr.mul(Expr.unsqueeze(e, 1), vector), target));
                    nodes.add(Expr.add(x, Expr.squeeze(Expr.sum(Expr.mul(sum, sum), 1), 1)));
                    edges.add(Expr.squeeze(Expr.sum(Expr.mul(Expr.gather(sum, source), vector), 1), 1));
                }
                case 14 -> {
                    Node wide = Expr.concat(1, Expr.sin(e), column);
                    edges.add(Expr.tanh(Expr.linear(wide, Expr.concat(1, weight, bias), null)));
                }
                case 15 -> edges.add(Expr.mul(f, Expr.matmul(Expr.tanh(e), bias)));
                case 16 -> {
                    Node left = Expr.tanh(Expr.linear(x, Expr.slice(weight, 0, 0, c / 2), null));
                    Node right = Expr.sin(Expr.linear(x, Expr.slice(weight, 0, c / 2, c - c / 2), null));
                    nodes.add(Expr.concat(1, Expr.mul(left, Expr.sum(right, 1)), right));
                }
                default -> edges.add(Expr.where(Expr.less(e, f), Expr.sin(e), Expr.scale(f, -1)));
            }
        }
        Map<String, Node> outputs = new LinkedHashMap<>();
        outputs.put("node", nodes.getLast());
        outputs.put("edge", edges.getLast());
        Node energy = Expr.sumAll(Expr.sin(Expr.add(nodes.getLast(), Expr.segmentSum(edges.getLast(), target))));
        List<Node> inner = Gradient.of(energy, List.of(nodes.get(0), edges.get(0)));
        Node loss = Expr.add(
                energy, Expr.add(Expr.sumAll(Expr.square(inner.get(0))), Expr.sumAll(Expr.square(inner.get(1)))));
        outputs.put("loss", loss);
        List<Node> outer = Gradient.of(loss, List.of(weight, bias, nodes.get(0), nodes.get(1), column, vector));
        for (int i = 0; i < outer.size(); i++) {
            outputs.put("grad" + i, outer.get(i));
        }
        return outputs;
    }

    /// Sums of many terms in a range where sines keep their digits.
    private static Node bounded(Node sum) {
        return Expr.scale(Expr.tanh(Expr.scale(sum, 0.1)), 2);
    }
}
