package org.iolaus.ir;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// A pass that makes a new program of an old one: each node gets an image, inputs before users.
public abstract class Rewriter {
    private final Map<Node, Node> images = new HashMap<>();

    /// The image of a node; those of its inputs are known.
    protected abstract Node rewritten(Node node);

    /// The program of the images.
    public final Program rewrite(Program program) {
        program.nodes().forEach(node -> images.put(node, rewritten(node)));
        Map<String, Node> outputs = new LinkedHashMap<>();
        program.outputs().forEach((name, node) -> outputs.put(name, image(node)));
        return Program.of(outputs);
    }

    protected final Node image(Node node) {
        return Objects.requireNonNull(images.get(node));
    }

    protected final List<Node> images(List<Node> nodes) {
        return nodes.stream().map(this::image).toList();
    }

    /// The same operation on the images of the inputs; what has no inputs is its own image.
    protected final Node same(Node node) {
        return node.inputs().isEmpty() ? node : Node.of(node.op(), images(node.inputs()));
    }
}
