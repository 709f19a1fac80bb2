package org.iolaus.ir;

import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.iolaus.tensor.Shape;

/// One value of a program: an operation applied to nodes. Immutable; identity is the value's identity.
public final class Node {
    private static final AtomicLong CREATED = new AtomicLong();

    private final long sequence = CREATED.getAndIncrement();
    private final Op op;
    private final List<Node> inputs;
    private final Type type;

    private Node(Op op, List<Node> inputs, Type type) {
        this.op = op;
        this.inputs = List.copyOf(inputs);
        this.type = type;
    }

    /// Applies an operation; its shape rule runs here, so that a stack trace points at the line that built the node.
    ///
    /// @throws org.iolaus.tensor.ShapeException if the inputs break the operation's shape rule
    public static Node of(Op op, List<Node> inputs) {
        return new Node(op, inputs, op.infer(inputs.stream().map(Node::type).toList()));
    }

    public static Node of(Op op, Node... inputs) {
        return of(op, List.of(inputs));
    }

    public Op op() {
        return op;
    }

    public List<Node> inputs() {
        return inputs;
    }

    public Node input(int i) {
        return inputs.get(i);
    }

    public Type type() {
        return type;
    }

    public Shape shape() {
        return type.shape();
    }

    /// Grows with creation, so inputs always come before their users: the order in which programs run.
    public long sequence() {
        return sequence;
    }

    @Override
    public String toString() {
        return op + " " + type;
    }
}
