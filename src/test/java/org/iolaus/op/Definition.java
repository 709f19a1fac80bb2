package org.iolaus.op;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Sizes;

/// Evaluates a program node by node with each operation's own definition: nothing is simplified, fused or shared.
public final class Definition {
    private Definition() {}

    public static Map<String, HostTensor> evaluate(
            Program program, Map<String, HostTensor> floats, Map<String, Index> indices, Sizes sizes) {
        Map<Node, HostCall.Argument> values = new HashMap<>();
        for (Node node : program.nodes()) {
            if (node.op() instanceof Leaf leaf) {
                values.put(
                        node,
                        node.type().isIndex()
                                ? HostCall.Argument.of(indices.get(leaf.label()))
                                : HostCall.Argument.of(new HostView(floats.get(leaf.label()))));
                continue;
            }
            int[] shape = node.shape().bind(sizes);
            double[] data = new double[(int) HostTensor.volume(shape)];
            java.util.Arrays.fill(data, Double.NaN);
            HostView out = new HostView(data, 0, shape);
            List<HostCall.Argument> arguments = new ArrayList<>();
            node.inputs().forEach(input -> arguments.add(values.get(input)));
            node.op().cpu(new HostCall(out, arguments));
            values.put(node, HostCall.Argument.of(out));
        }
        Map<String, HostTensor> results = new LinkedHashMap<>();
        program.outputs().forEach((name, node) -> {
            HostView view = new HostCall(new HostView(HostTensor.scalar(0)), List.of(values.get(node))).in(0);
            results.put(name, new HostTensor(view.shape(), view.data()));
        });
        return results;
    }
}
