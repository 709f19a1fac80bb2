package org.iolaus.kernel;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// A fused loop over the elements of one shape: load into registers, apply scalar functions, sum, store.
///
/// The body runs for every element. Where a walk brings rows (axis 0) together, `sums` add up what the body gives over
/// the rows of each result, and `after` runs for every element of the results' shape: results, then the axes of the
/// iteration behind axis 0. Each register is written once.
///
/// @param iteration shape that the body runs over, row-major
/// @param columns how many of the last axes a [ColumnSum] sums over
/// @param registers how many registers there are
/// @param walk which rows come together
/// @param sums what is summed over them
/// @param after what is done with the sums
public record Loop(Shape iteration, int columns, int registers, Walk walk, Block body, List<RowSum> sums, Block after) {

    /// No index.
    public static final int NO_INDEX = -1;

    /// A loop without sums.
    public static Loop plain(Shape iteration, int registers, Block body) {
        return new Loop(iteration, 0, registers, new Walk.None(), body, List.of(), Block.EMPTY);
    }

    /// Which rows (axis 0) come together in one result.
    public sealed interface Walk {

        /// None do.
        record None() implements Walk {}

        /// Those with one index value, in ascending order; no rows give 0.
        ///
        /// @param results range of the index
        record Segments(int indexBuffer, Dim results) implements Walk {}

        /// `parts` runs of rows of about one length.
        record Chunks(int parts) implements Walk {}
    }

    /// Statements that run for each element of a shape: loads, then instructions, then stores.
    public record Block(List<Load> loads, List<Instruction> instructions, List<Store> stores) {
        public static final Block EMPTY = new Block(List.of(), List.of(), List.of());

        private Block renumbered(List<Integer> buffers) {
            List<Load> newLoads = new ArrayList<>();
            for (Load load : loads) {
                int index = load.indexBuffer == NO_INDEX ? NO_INDEX : number(load.indexBuffer, buffers);
                newLoads.add(new Load(load.register, number(load.buffer, buffers), index, load.offsets, load.strides));
            }
            List<Store> newStores = new ArrayList<>();
            for (Store store : stores) {
                newStores.add(new Store(store.register, number(store.buffer, buffers), store.offsets, store.strides));
            }
            return new Block(List.copyOf(newLoads), instructions, List.copyOf(newStores));
        }
    }

    /// Element `(i0, i1, ...)` comes from `buffer[sum of offsets + f(i0) strides[0] + i1 strides[1] +
    /// ...]`, where `f` is the index buffer's value if there is one.
    public record Load(int register, int buffer, int indexBuffer, List<Dim> offsets, List<Dim> strides) {}

    public sealed interface Instruction {
        int register();
    }

    /// `register = function(operands)`.
    public record Apply(TileFunction function, List<Integer> operands, int register) implements Instruction {}

    /// `register` = sum of the operand over the columns of a row.
    public record ColumnSum(int operand, int register) implements Instruction {}

    /// `register` (of `after`) = sum of `operand` (of `body`) over the rows of a result.
    public record RowSum(int operand, int register) {}

    /// Writes a register; strides as of a load. What does not vary over an axis has stride 0 there.
    public record Store(int register, int buffer, List<Dim> offsets, List<Dim> strides) {}

    /// The same loop with its buffers numbered in the order in which it names them: loops that differ only in their
    /// buffers become equal.
    ///
    /// @param buffers receives the buffers in that order
    public Loop renumbered(List<Integer> buffers) {
        Walk numbered = walk instanceof Walk.Segments segments
                ? new Walk.Segments(number(segments.indexBuffer, buffers), segments.results)
                : walk;
        return new Loop(
                iteration, columns, registers, numbered, body.renumbered(buffers), sums, after.renumbered(buffers));
    }

    private static int number(int buffer, List<Integer> buffers) {
        if (!buffers.contains(buffer)) {
            buffers.add(buffer);
        }
        return buffers.indexOf(buffer);
    }

    /// The shape that `after` runs over.
    public Shape results() {
        List<Dim> dims = new ArrayList<>(iteration.dims());
        switch (walk) {
            case Walk.None _ -> dims.clear();
            case Walk.Segments segments -> dims.set(0, segments.results());
            case Walk.Chunks chunks -> dims.set(0, Dim.of(chunks.parts()));
        }
        return new Shape(dims);
    }

    /// The loads of both blocks.
    public List<Load> loads() {
        return joined(body.loads(), after.loads());
    }

    /// The instructions of both blocks.
    public List<Instruction> instructions() {
        return joined(body.instructions(), after.instructions());
    }

    /// The stores of both blocks.
    public List<Store> stores() {
        return joined(body.stores(), after.stores());
    }

    private static <T> List<T> joined(List<T> first, List<T> second) {
        List<T> all = new ArrayList<>(first);
        all.addAll(second);
        return all;
    }
}
