package org.iolaus.lower;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.op.BilinearProduct;
import org.iolaus.op.Gather;
import org.iolaus.op.SegmentSum;

/// Joins bilinear maps of edges with what brings their arguments from atoms, or their results to atoms:
///
/// | what | becomes |
/// | --- | --- |
/// | a bilinear product of gathered rows | [GatheredProduct] |
/// | the segment sum of a bilinear product that nothing else uses | [SummedProduct] |
///
/// The features of an edge in the frame of space are large, and no other step needs them.
final class Neighbours {
    private Neighbours() {}

    static Program run(Program program) {
        Map<Node, Integer> uses = new HashMap<>();
        program.nodes().forEach(node -> node.inputs().forEach(input -> uses.merge(input, 1, Integer::sum)));
        program.outputs().values().forEach(node -> uses.merge(node, 1, Integer::sum));
        Map<Node, Node> image = new HashMap<>();
        for (Node node : program.nodes()) {
            Node first = node.inputs().isEmpty() ? node : node.input(0);
            List<Node> from;
            if (node.op() instanceof BilinearProduct product && node.input(1).op() instanceof Gather) {
                from = List.of(first, node.input(1).input(0), node.input(1).input(1));
                image.put(node, Node.of(new GatheredProduct(product.terms()), images(from, image)));
            } else if (node.op() instanceof SegmentSum
                    && first.op() instanceof BilinearProduct product
                    && uses.getOrDefault(first, 0) == 1) {
                from = List.of(first.input(0), first.input(1), node.input(1));
                image.put(node, Node.of(new SummedProduct(product.terms()), images(from, image)));
            } else {
                image.put(node, node.inputs().isEmpty() ? node : Node.of(node.op(), images(node.inputs(), image)));
            }
        }
        Map<String, Node> outputs = new LinkedHashMap<>();
        program.outputs().forEach((name, node) -> outputs.put(name, image.get(node)));
        return Program.of(outputs);
    }

    private static List<Node> images(List<Node> nodes, Map<Node, Node> image) {
        return nodes.stream().map(image::get).toList();
    }
}
