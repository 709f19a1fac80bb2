package org.iolaus.cpu;

import java.util.Arrays;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import org.iolaus.kernel.Loop;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Sizes;

/// A fused loop bound to one batch's sizes: runs tile by tile, so that intermediate values stay in the
/// first-level cache.
final class LoopRunner {
    /// Elements per tile.
    static final int TILE = 256;

    private final Loop loop;
    private final int elements;
    private final int[] tileOf;
    private final Reader[] readers;

    LoopRunner(Loop loop, Sizes sizes) {
        this.loop = loop;
        int[] shape = loop.iteration().bind(sizes);
        this.elements = (int) loop.iteration().volume().value(sizes);
        this.tileOf = tiles(loop);
        this.readers = loop.body().loads().stream()
                .map(load -> new Reader(load, tileOf[load.register()], shape, sizes))
                .toArray(Reader[]::new);
    }

    /// The tile of each register. A tile is used again when its value has no reader left; what is loaded or
    /// stored keeps its own, because loads come first and stores last.
    private static int[] tiles(Loop loop) {
        if (!(loop.walk() instanceof Loop.Walk.None)) {
            throw new IllegalArgumentException("cpu: want loops without sums, got a walk " + loop.walk());
        }
        List<Loop.Apply> instructions = instructions(loop);
        int[] lastReader = new int[loop.registers()];
        boolean[] pinned = new boolean[loop.registers()];
        for (int i = 0; i < instructions.size(); i++) {
            for (int operand : instructions.get(i).operands()) {
                lastReader[operand] = i;
            }
        }
        loop.body().loads().forEach(load -> pinned[load.register()] = true);
        loop.body().stores().forEach(store -> pinned[store.register()] = true);
        int[] tile = new int[loop.registers()];
        int count = 0;
        for (Loop.Load load : loop.body().loads()) {
            tile[load.register()] = count++;
        }
        PriorityQueue<Integer> free = new PriorityQueue<>();
        for (int i = 0; i < instructions.size(); i++) {
            for (int operand : Set.copyOf(instructions.get(i).operands())) {
                if (lastReader[operand] == i && !pinned[operand]) {
                    free.add(tile[operand]);
                }
            }
            Integer reused = free.poll();
            tile[instructions.get(i).register()] = reused == null ? count++ : reused;
        }
        return tile;
    }

    private static List<Loop.Apply> instructions(Loop loop) {
        return loop.body().instructions().stream()
                .map(instruction -> switch (instruction) {
                    case Loop.Apply apply -> apply;
                    case Loop.ColumnSum sum ->
                        throw new IllegalArgumentException("cpu: want loops without sums, got " + sum);
                })
                .toList();
    }

    /// How many tiles a loop needs.
    static int tileCount(Loop loop) {
        return Arrays.stream(tiles(loop)).max().orElse(-1) + 1;
    }

    int elements() {
        return elements;
    }

    Loop loop() {
        return loop;
    }

    /// The registers of one thread, and the operand lists of all instructions.
    static final class Registers {
        private final double[][] tiles;

        Registers(int count) {
            tiles = new double[count][TILE];
        }
    }

    /// Memory behind the buffer numbers.
    interface Memory {
        double[] data(int buffer);

        int offset(int buffer);

        int[] index(int buffer);
    }

    void run(Memory memory, Registers registers, int from, int to) {
        double[][] tiles = registers.tiles;
        List<Loop.Apply> instructions = instructions(loop);
        double[][][] operands = new double[instructions.size()][][];
        for (int i = 0; i < operands.length; i++) {
            List<Integer> numbers = instructions.get(i).operands();
            operands[i] = new double[numbers.size()][];
            for (int k = 0; k < operands[i].length; k++) {
                operands[i][k] = tiles[tileOf[numbers.get(k)]];
            }
        }
        boolean first = true;
        for (int at = from; at < to; at += TILE) {
            int n = Math.min(TILE, to - at);
            for (Reader reader : readers) {
                reader.read(memory, tiles[reader.tile], at, n, first);
            }
            for (int i = 0; i < operands.length; i++) {
                Loop.Apply instruction = instructions.get(i);
                instruction.function().apply(tiles[tileOf[instruction.register()]], operands[i], n);
            }
            for (Loop.Store store : loop.body().stores()) {
                System.arraycopy(
                        tiles[tileOf[store.register()]],
                        0,
                        memory.data(store.buffer()),
                        memory.offset(store.buffer()) + at,
                        n);
            }
            first = false;
        }
    }

    /// Brings the elements of one load into a register.
    private static final class Reader {
        private final int tile;
        private final int buffer;
        private final int indexBuffer;
        private final int offset;

        /// The loop's innermost axes over which the load walks memory in one way are one run; outer axes are counted.
        private final int run;

        private final int runStride;
        private final int[] outerShape;
        private final int[] outerStrides;

        Reader(Loop.Load load, int tile, int[] shape, Sizes sizes) {
            this.tile = tile;
            buffer = load.buffer();
            indexBuffer = load.indexBuffer();
            int skip = 0;
            for (Dim term : load.offsets()) {
                skip += Math.toIntExact(term.value(sizes));
            }
            offset = skip;
            int rank = shape.length;
            int[] strides = new int[rank];
            for (int axis = 0; axis < rank; axis++) {
                strides[axis] = shape[axis] == 1 && !(axis == 0 && indexBuffer != Loop.NO_INDEX)
                        ? 0
                        : Math.toIntExact(load.strides().get(axis).value(sizes));
            }
            int axis = rank - 1;
            int length = 1;
            int step = 0;
            int lowest = indexBuffer == Loop.NO_INDEX ? 0 : 1;
            while (axis >= lowest) {
                if (shape[axis] != 1) {
                    if (length == 1) {
                        step = strides[axis];
                    } else if (strides[axis] != step * length) {
                        break;
                    }
                    length *= shape[axis];
                }
                axis--;
            }
            run = length;
            runStride = step;
            outerShape = Arrays.copyOf(shape, axis + 1);
            outerStrides = Arrays.copyOf(strides, axis + 1);
        }

        void read(Memory memory, double[] tile, int at, int n, boolean first) {
            double[] data = memory.data(buffer);
            int base = memory.offset(buffer) + offset;
            if (outerShape.length == 0) {
                if (runStride == 0) {
                    if (first) {
                        Arrays.fill(tile, data[base]);
                    }
                } else {
                    copy(data, base + at * runStride, tile, 0, n);
                }
                return;
            }
            int[] index = indexBuffer == Loop.NO_INDEX ? null : memory.index(indexBuffer);
            int outer = at / run;
            int inner = at - outer * run;
            int[] coordinates = new int[outerShape.length];
            for (int axis = outerShape.length - 1, rest = outer; axis >= 0; axis--) {
                coordinates[axis] = rest % outerShape[axis];
                rest /= outerShape[axis];
            }
            int done = 0;
            while (done < n) {
                int length = Math.min(run - inner, n - done);
                int from = base + inner * runStride;
                from += (index == null ? coordinates[0] : index[coordinates[0]]) * outerStrides[0];
                for (int axis = 1; axis < coordinates.length; axis++) {
                    from += coordinates[axis] * outerStrides[axis];
                }
                copy(data, from, tile, done, length);
                done += length;
                inner = 0;
                for (int axis = coordinates.length - 1; axis >= 0 && ++coordinates[axis] == outerShape[axis]; axis--) {
                    coordinates[axis] = 0;
                }
            }
        }

        private void copy(double[] data, int from, double[] tile, int to, int n) {
            if (runStride == 1) {
                System.arraycopy(data, from, tile, to, n);
            } else if (runStride == 0) {
                double value = data[from];
                for (int i = to; i < to + n; i++) {
                    tile[i] = value;
                }
            } else {
                for (int i = 0; i < n; i++) {
                    tile[to + i] = data[from + i * runStride];
                }
            }
        }
    }
}
