package org.iolaus.ir;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// A directed acyclic graph of nodes with named outputs, in the order in which it runs.
public final class Program {
    private final Map<String, Node> outputs;
    private final List<Node> nodes;
    private final @Nullable String forwardEnd;

    private Program(Map<String, Node> outputs, @Nullable String forwardEnd) {
        this.forwardEnd = forwardEnd;
        this.outputs = Collections.unmodifiableMap(new LinkedHashMap<>(outputs));
        this.nodes = reachable(outputs.values());
        verify();
    }

    /// The program that computes the given outputs.
    ///
    /// @throws ShapeException if the verifier finds a fault
    public static Program of(Map<String, Node> outputs) {
        return new Program(outputs, null);
    }

    /// The same program, to be run with less memory: what is cheap to compute of the pass that ends with the given
    /// output is computed again behind it instead of being kept.
    public Program recomputing(String output) {
        if (!outputs.containsKey(output)) {
            throw new ShapeException("program: want one of the outputs " + outputs.keySet() + ", got " + output);
        }
        return new Program(outputs, output);
    }

    /// The output behind which cheap values are computed again; null: none are.
    public @Nullable String forwardEnd() {
        return forwardEnd;
    }

    /// Every node that the given ones need, inputs before users.
    public static List<Node> reachable(Iterable<Node> roots) {
        Set<Node> seen = new HashSet<>();
        Deque<Node> open = new ArrayDeque<>();
        roots.forEach(open::push);
        while (!open.isEmpty()) {
            Node node = open.pop();
            if (seen.add(node)) {
                node.inputs().forEach(open::push);
            }
        }
        List<Node> ordered = new ArrayList<>(seen);
        ordered.sort(Comparator.comparingLong(Node::sequence));
        return Collections.unmodifiableList(ordered);
    }

    public Map<String, Node> outputs() {
        return outputs;
    }

    /// All nodes, inputs before users.
    public List<Node> nodes() {
        return nodes;
    }

    /// The inputs by name, in order of creation.
    public Map<String, Type> inputs() {
        return leaves(Leaf.Kind.INPUT);
    }

    /// The parameters by name, in order of creation.
    public Map<String, Type> parameters() {
        return leaves(Leaf.Kind.PARAMETER);
    }

    private Map<String, Type> leaves(Leaf.Kind kind) {
        Map<String, Type> found = new LinkedHashMap<>();
        for (Node node : nodes) {
            if (node.op() instanceof Leaf leaf && leaf.kind() == kind) {
                found.put(leaf.label(), node.type());
            }
        }
        return found;
    }

    /// Sum of all nodes' costs, before fusion.
    public Cost cost(Sizes sizes) {
        Cost total = Cost.NONE;
        for (Node node : nodes) {
            total = total.plus(node.op().cost(node, sizes));
        }
        return total;
    }

    /// The values of the symbols for given inputs.
    ///
    /// @throws ShapeException if an input is missing or its shape is wrong, naming it
    public Sizes sizes(Map<String, HostTensor> floats, Map<String, Index> indices) {
        Sizes.Solver solver = new Sizes.Solver();
        inputs().forEach((name, type) -> {
            if (type.isIndex()) {
                Index index = indices.get(name);
                if (index == null) {
                    throw new ShapeException("input " + name + ": want an index, got none");
                }
                solver.match("input " + name, type.shape(), new int[] {index.length()});
                solver.match("range of input " + name, Shape.of(type.indexRange()), new int[] {index.range()});
            } else {
                HostTensor value = floats.get(name);
                if (value == null) {
                    throw new ShapeException(
                            "input " + name + ": want numbers of shape " + type.shape() + ", got none");
                }
                solver.match("input " + name, type.shape(), value.shape());
            }
        });
        return solver.sizes();
    }

    private void verify() {
        Map<String, Type> leafTypes = new LinkedHashMap<>();
        for (Node node : nodes) {
            Type again = node.op().infer(node.inputs().stream().map(Node::type).toList());
            if (!again.equals(node.type())) {
                throw new ShapeException("program: want " + node.op() + " of type " + again + ", got " + node.type());
            }
            if (node.op() instanceof Leaf leaf) {
                String key = leaf.kind() + " " + leaf.label();
                Type before = leafTypes.putIfAbsent(key, node.type());
                if (before != null && !before.equals(node.type())) {
                    throw new ShapeException(
                            "program: want one type for " + key + ", got " + before + " and " + node.type());
                }
            }
            for (Node input : node.inputs()) {
                if (input.sequence() >= node.sequence()) {
                    throw new ShapeException("program: want inputs before users, got " + input + " after " + node);
                }
            }
        }
        outputs.forEach((name, node) -> {
            if (node.type().isIndex()) {
                throw new ShapeException("program: want numbers as output " + name + ", got an index");
            }
        });
    }

    /// One line per node: `%12 = Mul <- %3 %11 : (N, 64)`.
    @Override
    public String toString() {
        Map<Node, Integer> numbers = new HashMap<>();
        StringBuilder text = new StringBuilder();
        for (Node node : nodes) {
            numbers.put(node, numbers.size());
            text.append('%').append(numbers.get(node)).append(" = ").append(node.op());
            if (!node.inputs().isEmpty()) {
                text.append(" <-");
                node.inputs().forEach(input -> text.append(" %").append(numbers.get(input)));
            }
            text.append(" : ").append(node.type()).append('\n');
        }
        outputs.forEach((name, node) ->
                text.append(name).append(" = %").append(numbers.get(node)).append('\n'));
        return text.toString();
    }
}
