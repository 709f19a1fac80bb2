package org.iolaus.lower;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.iolaus.ir.Cost;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Type;
import org.iolaus.kernel.Loop;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// What an executor does, in order: steps over buffers.
///
/// @param buffers by number
/// @param outputs the program's outputs: name and buffer
public record Schedule(List<Buffer> buffers, List<Step> steps, Map<String, Integer> outputs) {

    /// Where a buffer's memory comes from.
    public enum Storage {
        /// the executor's arena
        ARENA,
        /// bound with each batch
        INPUT,
        /// the model's
        PARAMETER,
        /// known when the program was built
        CONSTANT
    }

    /// A piece of memory.
    ///
    /// @param label name of an input or parameter, else empty
    /// @param value node of a constant, else null
    /// @param birth step that writes it (arena only)
    /// @param death last step that touches it; the number of steps for outputs
    public record Buffer(
            int number,
            Type type,
            Storage storage,
            String label,
            @Nullable Node value,
            int birth,
            int death) {}

    public sealed interface Step permits Call, Fused {}

    /// One operation on whole arrays.
    ///
    /// @param node its application, for shapes and cost
    /// @param inputs buffer numbers
    public record Call(Op op, Node node, List<Integer> inputs, int out) implements Step {}

    /// A fused loop.
    public record Fused(Loop loop) implements Step {}

    /// What one run costs after fusion: memory is touched only by whole operations and by loads and stores of loops.
    public Cost cost(Sizes sizes) {
        Cost total = Cost.NONE;
        for (Step step : steps) {
            total = total.plus(cost(step, sizes));
        }
        return total;
    }

    /// What one run of a step costs.
    public Cost cost(Step step, Sizes sizes) {
        return switch (step) {
            case Call call -> call.op().cost(call.node(), sizes);
            case Fused fused -> {
                Loop loop = fused.loop();
                long elements = loop.iteration().volume().value(sizes);
                long touched = elements * loop.stores().size();
                for (Loop.Load load : loop.loads()) {
                    Shape source = buffers.get(load.buffer()).type().shape();
                    touched += Math.min(elements, source.volume().value(sizes));
                }
                yield new Cost(elements * loop.instructions().size(), touched);
            }
        };
    }

    /// The buffers that a step reads.
    public static List<Integer> reads(Step step) {
        return switch (step) {
            case Call call -> call.inputs();
            case Fused fused ->
                fused.loop().loads().stream()
                        .flatMap(load -> load.indexBuffer() == Loop.NO_INDEX
                                ? Stream.of(load.buffer())
                                : Stream.of(load.buffer(), load.indexBuffer()))
                        .toList();
        };
    }

    /// The buffers that a step writes.
    public static List<Integer> writes(Step step) {
        return switch (step) {
            case Call call -> List.of(call.out());
            case Fused fused ->
                fused.loop().stores().stream().map(Loop.Store::buffer).toList();
        };
    }

    /// One line per step.
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Step step : steps) {
            switch (step) {
                case Call call ->
                    text.append("b%d = %s %s : %s%n"
                            .formatted(
                                    call.out(),
                                    call.op(),
                                    call.inputs(),
                                    call.node().type()));
                case Fused fused -> {
                    Loop loop = fused.loop();
                    text.append("loop ").append(loop.iteration());
                    loop.loads()
                            .forEach(load -> text.append(" r%d<-b%d".formatted(load.register(), load.buffer()))
                                    .append(
                                            load.indexBuffer() == Loop.NO_INDEX
                                                    ? ""
                                                    : "[b" + load.indexBuffer() + "]"));
                    loop.instructions()
                            .forEach(
                                    i -> text.append("; r%d=%s%s".formatted(i.register(), i.function(), i.operands())));
                    loop.stores()
                            .forEach(store -> text.append("; b%d<-r%d".formatted(store.buffer(), store.register())));
                    text.append('\n');
                }
            }
        }
        outputs.forEach((name, buffer) ->
                text.append(name).append(" = b").append(buffer).append('\n'));
        return text.toString();
    }
}
