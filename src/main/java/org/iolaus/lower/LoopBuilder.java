package org.iolaus.lower;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.ToIntFunction;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.kernel.Fill;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.LoopGroup.Place;
import org.iolaus.op.Constant;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Writes the loops of groups and of copies.
final class LoopBuilder {
    private final Fusion fusion;
    private final ToIntFunction<Node> buffers;

    /// @param buffers number of the buffer of a node in memory
    LoopBuilder(Fusion fusion, ToIntFunction<Node> buffers) {
        this.fusion = fusion;
        this.buffers = buffers;
    }

    /// A loop, the nodes in memory that it reads and those that it writes.
    record Written(Loop loop, Set<Node> reads, Set<Node> writes) {}

    /// The loop that computes a group's nodes and writes those that are stored.
    Written group(LoopGroup group) {
        Writer writer = new Writer(group.domain(), group.columns(), group.walk());
        for (Node node : group.nodes()) {
            writer.compute(group, node);
        }
        return new Written(writer.loop(), writer.reads, group.stored());
    }

    private static boolean isUniform(Constant constant) {
        return !constant.values().isEmpty()
                && Double.isFinite(constant.values().getFirst())
                && constant.isAll(constant.values().getFirst());
    }

    /// Collects the statements of one loop.
    private final class Writer {
        private final List<Dim> domain;
        private final int columns;
        private final LoopGroup.@Nullable Walk walk;
        private final Statements body = new Statements();
        private final Statements after = new Statements();
        private final List<Loop.RowSum> sums = new ArrayList<>();
        private final Set<Node> reads = new HashSet<>();
        private int registers;

        private record Source(int buffer, int index, List<Dim> offsets, List<Dim> strides) {}

        private static final class Statements {
            private final List<Loop.Load> loads = new ArrayList<>();
            private final List<Loop.Instruction> instructions = new ArrayList<>();
            private final List<Loop.Store> stores = new ArrayList<>();
            private final Map<Node, Integer> registerOf = new HashMap<>();
            private final Map<Source, Integer> loaded = new HashMap<>();
            private final Map<Double, Integer> filled = new HashMap<>();

            Loop.Block block() {
                return new Loop.Block(List.copyOf(loads), List.copyOf(instructions), List.copyOf(stores));
            }
        }

        Writer(List<Dim> domain, int columns, LoopGroup.@Nullable Walk walk) {
            this.domain = domain;
            this.columns = columns;
            this.walk = walk;
        }

        private Statements statements(Place place) {
            return place == Place.RESULT ? after : body;
        }

        void compute(LoopGroup group, Node node) {
            Place place = group.place(node);
            Statements here = statements(place);
            List<Integer> operands = new ArrayList<>();
            for (Node input : Fusion.operands(node)) {
                operands.add(operand(group, node, input));
            }
            int register = node.op() instanceof Materialize ? operands.getFirst() : registers++;
            here.registerOf.put(node, register);
            if (node.op() instanceof Materialize) {
                // nothing to compute
            } else if (node.op() instanceof Pointwise function) {
                here.instructions.add(new Loop.Apply(function, List.copyOf(operands), register));
            } else if (place == Place.RESULT) {
                sums.add(new Loop.RowSum(operands.getFirst(), register));
            } else {
                here.instructions.add(new Loop.ColumnSum(operands.getFirst(), register));
            }
            if (group.stored().contains(node)) {
                store(place, register, fusion.place(node), node.shape());
            }
        }

        private int operand(LoopGroup group, Node node, Node input) {
            Node bare = Fusion.strip(input);
            Place place = group.operandPlace(node, input);
            if (place != null && group.computes(bare) && Fusion.isAligned(node, input)) {
                return Objects.requireNonNull(
                        statements(group.place(bare)).registerOf.get(bare));
            }
            return load(place == null ? Place.ELEMENT : place, Fusion.frame(node), fusion.view(input));
        }

        /// @param frame whose elements the view is read for
        int load(Place place, Shape frame, Access view) {
            Statements here = statements(place);
            if (view.base().op() instanceof Constant constant && isUniform(constant)) {
                return here.filled.computeIfAbsent(constant.values().getFirst(), value -> {
                    here.instructions.add(new Loop.Apply(new Fill(value), List.of(), registers));
                    return registers++;
                });
            }
            reads.add(view.base());
            int index = view.index() == null ? Loop.NO_INDEX : buffers.applyAsInt(view.index());
            Source source = new Source(
                    buffers.applyAsInt(view.base()), index, view.offsets(), onLoopAxes(place, frame, view.strides()));
            return here.loaded.computeIfAbsent(source, key -> {
                here.loads.add(new Loop.Load(registers, key.buffer, key.index, key.offsets, key.strides));
                return registers++;
            });
        }

        void store(Place place, int register, Access view, Shape frame) {
            statements(place)
                    .stores
                    .add(new Loop.Store(
                            register,
                            buffers.applyAsInt(view.base()),
                            view.offsets(),
                            onLoopAxes(place, frame, view.strides())));
        }

        /// Strides over the axes of a shape as strides over the axes of the loop.
        private List<Dim> onLoopAxes(Place place, Shape frame, List<Dim> strides) {
            boolean numbered = place == Place.RESULT && walk != null && (walk.index() != null || walk.parts() > 1);
            int rank = place == Place.RESULT ? Math.max(1, domain.size()) : domain.size();
            Dim[] result = new Dim[rank];
            java.util.Arrays.fill(result, Dim.of(0));
            int axis = place == Place.RESULT && !numbered ? 1 : 0;
            for (int i = 0; i < frame.rank(); i++) {
                if (!frame.dim(i).isOne()) {
                    result[axis++] = strides.get(i);
                }
            }
            return List.of(result);
        }

        Loop loop() {
            Loop.Walk brought = walk == null
                    ? new Loop.Walk.None()
                    : walk.index() == null
                            ? new Loop.Walk.Chunks(walk.parts())
                            : new Loop.Walk.Segments(
                                    buffers.applyAsInt(walk.index()),
                                    walk.index().type().indexRange());
            return new Loop(
                    new Shape(domain), columns, registers, brought, body.block(), List.copyOf(sums), after.block());
        }
    }
}
