package org.iolaus.ir;

import java.util.List;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// A primitive operation: a record whose components are its attributes. One file holds all that is to know about it.
public interface Op {

    /// The result's type.
    ///
    /// @throws org.iolaus.tensor.ShapeException naming the operation, what it wants and what it got
    Type infer(List<Type> inputs);

    /// The vector-Jacobian product as nodes, one per input; null where nothing flows back.
    ///
    /// @param node an application of this operation
    /// @param cotangent of the node's shape
    List<@Nullable Node> vjp(Node node, Node cotangent);

    /// The definition: plain loops over doubles.
    void cpu(HostCall call);

    /// Typical arguments: for the contract test, the self-test on a node, and timing.
    List<Sample> samples();

    /// What one run costs; unless an operation says otherwise, one piece of arithmetic for each element of the result.
    default Cost cost(Node node, Sizes sizes) {
        return Cost.touching(node, sizes, node.shape().volume().value(sizes));
    }

    // what lowering and executors ask; the defaults are those of an operation that reads and writes whole arrays

    /// Whether the result is 0 everywhere.
    ///
    /// @param zero for each operand whether it is
    default boolean isZero(List<Boolean> zero) {
        return false;
    }

    /// What computes `length` entries of an axis behind the first from those entries of the operands that are numbers;
    /// null if that is not so simple.
    default @Nullable Op part(int axis, int length) {
        return null;
    }

    /// What a loop would sum to compute this; null if no loop can.
    default @Nullable LoopSum loopSum() {
        return null;
    }

    /// Whether a kernel reads an operand in bfloat16, too.
    default boolean readsBf16(int operand) {
        return false;
    }

    /// Whether a kernel writes the result in bfloat16, too.
    default boolean writesBf16() {
        return false;
    }

    /// Whether an operand is an index whose positions are gone through value by value, so that it wants
    /// compressed rows.
    default boolean wantsCompressedRows(int operand) {
        return false;
    }

    /// What computing one element of the result again takes, in simple instructions of a device for each; infinite for
    /// what is not computed twice.
    default double instructions(Node node) {
        return Double.POSITIVE_INFINITY;
    }

    /// Multiply-adds, or numbers read, of a run on the host whose rows threads share ([#rows]); 0 for an operation that
    /// one thread runs as a whole.
    default long sharedWork(HostCall call) {
        return 0;
    }

    /// Computes rows `from <= row < to` of the result; only where [#sharedWork] says so.
    default void rows(HostCall call, int from, int to) {
        throw new UnsupportedOperationException(name() + ": want an operation whose rows threads share");
    }

    /// The kernel that computes this on a device; null for what a device computes by loops or in a way of its own.
    ///
    /// @param operands their shapes
    /// @param result its shape
    default @Nullable DeviceKernel kernel(List<int[]> operands, int[] result) {
        return null;
    }

    default String name() {
        return getClass().getSimpleName();
    }
}
