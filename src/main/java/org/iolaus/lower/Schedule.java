package org.iolaus.lower;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.iolaus.ir.Cost;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Type;
import org.iolaus.kernel.Loop;
import org.iolaus.tensor.Dim;
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
    /// @param bf16 whether its numbers are bfloat16, half as long as others
    /// @param birth first step that writes it (arena only)
    /// @param complete last step that writes it (arena only)
    /// @param death last step that touches it; the number of steps for outputs
    public record Buffer(
            int number,
            Type type,
            Storage storage,
            String label,
            @Nullable Node value,
            boolean bf16,
            int birth,
            int complete,
            int death) {

        /// Memory that it takes, in numbers of full length.
        public long elements(Sizes sizes) {
            return elements(type.shape().volume().value(sizes));
        }

        private long elements(long numbers) {
            return bf16 ? (numbers + 1) / 2 : numbers;
        }
    }

    public sealed interface Step permits Call, Fused {}

    /// One operation on whole arrays.
    ///
    /// @param node its application, for shapes and cost
    /// @param inputs buffer numbers
    public record Call(Op op, Node node, List<Integer> inputs, int out) implements Step {}

    /// Fused loops that differ only in their buffers and do not wait for each other; one, for the most part.
    public record Fused(List<Loop> loops) implements Step {}

    /// What one run costs after fusion: memory is touched only by whole operations and by loads and stores of loops. A
    /// bf16 number counts as half an element.
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
            case Call call -> cost(call, sizes);
            case Fused fused ->
                fused.loops().stream().map(loop -> cost(loop, sizes)).reduce(Cost.NONE, Cost::plus);
        };
    }

    private Cost cost(Call call, Sizes sizes) {
        long saved = saved(call.out(), sizes);
        for (int input : call.inputs()) {
            saved += saved(input, sizes);
        }
        return call.op().cost(call.node(), sizes).plus(new Cost(0, -saved));
    }

    private long saved(int buffer, Sizes sizes) {
        Buffer touched = buffers.get(buffer);
        return touched.bf16() ? touched.type().shape().volume().value(sizes) - touched.elements(sizes) : 0;
    }

    private Cost cost(Loop loop, Sizes sizes) {
        long elements = loop.iteration().volume().value(sizes);
        long touched = touched(loop.body(), loop.iteration(), sizes) + touched(loop.after(), loop.results(), sizes);
        return new Cost(elements * loop.instructions().size(), touched);
    }

    private long touched(Loop.Block block, Shape shape, Sizes sizes) {
        long touched = 0;
        for (Loop.Load load : block.loads()) {
            touched += touched(load.buffer(), load.strides(), shape, sizes);
        }
        for (Loop.Store store : block.stores()) {
            touched += touched(store.buffer(), store.strides(), shape, sizes);
        }
        return touched;
    }

    /// Different elements of a buffer that a loop over a shape comes to, in numbers of full length.
    private long touched(int buffer, List<Dim> strides, Shape shape, Sizes sizes) {
        long elements = 1;
        for (int axis = 0; axis < strides.size(); axis++) {
            elements *= strides.get(axis).factor() == 0 ? 1 : shape.dim(axis).value(sizes);
        }
        Buffer touched = buffers.get(buffer);
        return touched.elements(
                Math.min(elements, touched.type().shape().volume().value(sizes)));
    }

    /// The buffers that a step reads.
    public static List<Integer> reads(Step step) {
        List<Integer> read = new ArrayList<>();
        switch (step) {
            case Call call -> read.addAll(call.inputs());
            case Fused fused -> fused.loops().forEach(loop -> addReads(loop, read));
        }
        return read;
    }

    private static void addReads(Loop loop, List<Integer> read) {
        for (Loop.Load load : loop.loads()) {
            read.add(load.buffer());
            if (load.indexBuffer() != Loop.NO_INDEX) {
                read.add(load.indexBuffer());
            }
        }
        if (loop.walk() instanceof Loop.Walk.Segments segments) {
            read.add(segments.indexBuffer());
        }
    }

    /// The buffers that a step writes.
    public static List<Integer> writes(Step step) {
        return switch (step) {
            case Call call -> List.of(call.out());
            case Fused fused ->
                fused.loops().stream()
                        .flatMap(loop -> loop.stores().stream())
                        .map(Loop.Store::buffer)
                        .distinct()
                        .toList();
        };
    }

    /// The buffers of indices whose rows segment by segment some step walks.
    public Set<Integer> segmented() {
        Set<Integer> found = new HashSet<>();
        for (Step step : steps) {
            switch (step) {
                case Call call -> {
                    for (int operand = 0; operand < call.inputs().size(); operand++) {
                        if (call.op().wantsCompressedRows(operand)) {
                            found.add(call.inputs().get(operand));
                        }
                    }
                }
                case Fused fused -> {
                    for (Loop loop : fused.loops()) {
                        if (loop.walk() instanceof Loop.Walk.Segments segments) {
                            found.add(segments.indexBuffer());
                        }
                    }
                }
            }
        }
        return found;
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
                case Fused fused ->
                    text.append(fused.loops().stream().map(Schedule::text).collect(Collectors.joining(" and ")))
                            .append('\n');
            }
        }
        outputs.forEach((name, buffer) ->
                text.append(name).append(" = b").append(buffer).append('\n'));
        return text.toString();
    }

    private static String text(Loop loop) {
        StringBuilder text = new StringBuilder("loop ").append(loop.iteration());
        text.append(
                switch (loop.walk()) {
                    case Loop.Walk.None _ -> "";
                    case Loop.Walk.Segments segments -> " by b" + segments.indexBuffer();
                    case Loop.Walk.Chunks chunks -> " in " + chunks.parts();
                });
        append(text, loop.body());
        loop.sums().forEach(sum -> text.append("; r%d=rows r%d".formatted(sum.register(), sum.operand())));
        append(text, loop.after());
        return text.toString();
    }

    private static void append(StringBuilder text, Loop.Block block) {
        for (Loop.Load load : block.loads()) {
            text.append(" r%d<-b%d".formatted(load.register(), load.buffer()));
            text.append(load.indexBuffer() == Loop.NO_INDEX ? "" : "[b" + load.indexBuffer() + "]");
        }
        for (Loop.Instruction instruction : block.instructions()) {
            text.append(
                    switch (instruction) {
                        case Loop.Apply i -> "; r%d=%s%s".formatted(i.register(), i.function(), i.operands());
                        case Loop.ColumnSum i -> "; r%d=columns r%d".formatted(i.register(), i.operand());
                    });
        }
        block.stores().forEach(store -> text.append("; b%d<-r%d".formatted(store.buffer(), store.register())));
    }
}
