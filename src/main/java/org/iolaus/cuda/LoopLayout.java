package org.iolaus.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.iolaus.kernel.Loop;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Sizes;

/// How threads share a fused loop: rows, and columns in packs of 16 bytes where widths and addresses allow it.
///
/// | loop | who does what |
/// | --- | --- |
/// | plain | one thread per pack |
/// | sums over columns | one group of `lanes` threads per row, `packsPerLane` packs each |
/// | walk over rows | one group of `lanes` threads, times walkers, per result and tile of columns |
///
/// Columns are the last axes, of constant extents; neighbouring axes that all loads and stores walk in one
/// stride are one.
///
/// @param rowExtents of the outer axes
/// @param columnExtents of the inner axes
/// @param axes for each of these axes the axes of the loop that it consists of, outermost first
/// @param pack elements of one access
/// @param lanes threads that share the columns of a row; 1 in plain loops
record LoopLayout(
        List<Dim> rowExtents,
        List<Dim> columnExtents,
        List<List<Integer>> axes,
        int pack,
        int lanes,
        int packsPerLane) {
    private static final int WARP = 32;
    /// Lanes per row where a block has one result: fewer columns and more rows at a time, but whole lines of memory.
    private static final int FEW_LANES = 8;

    static LoopLayout of(Loop loop, int mostElements) {
        int rank = loop.iteration().rank();
        boolean walks = !(loop.walk() instanceof Loop.Walk.None);
        int rows = walks ? 1 : rank - loop.columns();
        if (!walks && loop.columns() == 0) {
            int fewest = isIndexed(loop) ? 1 : 0; // a pack of columns has one index
            while (rows > fewest && loop.iteration().dim(rows - 1).isConstant()) {
                rows--;
            }
        }
        List<List<Integer>> rowAxes = merged(loop, 0, rows);
        List<List<Integer>> columnAxes = merged(loop, rows, rank);
        List<Dim> rowExtents = extents(loop, rowAxes);
        List<Dim> columnExtents = extents(loop, columnAxes);
        int columns = Math.toIntExact(volume(columnExtents).longValue());
        long innermost = columnExtents.isEmpty() ? 1 : columnExtents.getLast().longValue();
        int pack = mostElements;
        while (pack > 1 && innermost % pack != 0) {
            pack /= 2;
        }
        int packs = columns / pack;
        boolean chunks = loop.walk() instanceof Loop.Walk.Chunks;
        int lanes = walks || loop.columns() > 0 ? Math.min(chunks ? FEW_LANES : WARP, powerAbove(packs)) : 1;
        if (walks && loop.columns() > 0) {
            lanes = WARP; // lanes of a warp walk the same rows, so that they can sum over columns together
        }
        int packsPerLane = loop.columns() > 0 ? Math.max(1, (packs + lanes - 1) / lanes) : 1;
        List<List<Integer>> axes =
                Stream.concat(rowAxes.stream(), columnAxes.stream()).toList();
        return new LoopLayout(rowExtents, columnExtents, axes, pack, lanes, packsPerLane);
    }

    /// Neighbouring axes `from <= axis < to` that count as one.
    private static List<List<Integer>> merged(Loop loop, int from, int to) {
        List<List<Integer>> groups = new ArrayList<>();
        for (int axis = from; axis < to; axis++) {
            if (axis > from && merges(loop, axis - 1)) {
                groups.getLast().add(axis);
            } else {
                groups.add(new ArrayList<>(List.of(axis)));
            }
        }
        return groups;
    }

    private static boolean merges(Loop loop, int axis) {
        Dim inner = loop.iteration().dim(axis + 1);
        return !(axis == 0 && isIndexed(loop))
                && Stream.concat(
                                loop.loads().stream().map(Loop.Load::strides),
                                loop.stores().stream().map(Loop.Store::strides))
                        .allMatch(strides -> isMultiple(strides.get(axis), strides.get(axis + 1), inner));
    }

    /// Whether axis 0 walks some memory through an index.
    private static boolean isIndexed(Loop loop) {
        return loop.loads().stream().anyMatch(load -> load.indexBuffer() != Loop.NO_INDEX);
    }

    private static boolean isMultiple(Dim outer, Dim inner, Dim extent) {
        return outer.equals(inner.times(extent)) || (outer.factor() == 0 && inner.factor() == 0);
    }

    private static List<Dim> extents(Loop loop, List<List<Integer>> groups) {
        return groups.stream()
                .map(group -> volume(
                        group.stream().map(axis -> loop.iteration().dim(axis)).toList()))
                .toList();
    }

    private static Dim volume(List<Dim> extents) {
        return extents.stream().reduce(Dim.of(1), Dim::times);
    }

    /// Packs of one row.
    int packs() {
        return Math.toIntExact(volume(columnExtents).longValue()) / pack;
    }

    /// How many tiles of `lanes` packs a row has, each with a group of its own.
    int tiles() {
        return Math.max(1, (packs() + lanes * packsPerLane - 1) / (lanes * packsPerLane));
    }

    long rows(Sizes sizes) {
        return volume(rowExtents).value(sizes);
    }

    private static int powerAbove(int n) {
        return n <= 1 ? 1 : Integer.highestOneBit(n - 1) * 2;
    }
}
