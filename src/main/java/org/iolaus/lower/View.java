package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.iolaus.ir.Node;
import org.iolaus.op.Broadcast;
import org.iolaus.op.Concat;
import org.iolaus.op.Gather;
import org.iolaus.op.Reshape;
import org.iolaus.op.Slice;
import org.iolaus.op.Transpose;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// How a loop reads a node's elements from another node's memory without the node itself being written out.
///
/// @param base whose memory is read
/// @param index if not null, loop axis 0 walks axis 0 of the base through this index
/// @param axes for each loop axis the axis of the base that it walks, or -1 where the value repeats
/// @param starts for each axis of the base where reading begins
record View(Node base, @Nullable Node index, List<Integer> axes, List<Integer> starts) {
    private static final int REPEATED = -1;

    /// The node's own memory, read in a loop of its rank (extents of 1 stretch).
    static View direct(Node node) {
        List<Integer> axes = new ArrayList<>();
        for (int axis = 0; axis < node.shape().rank(); axis++) {
            axes.add(node.shape().dim(axis).isOne() ? REPEATED : axis);
        }
        return new View(node, null, axes, Collections.nCopies(axes.size(), 0));
    }

    /// Whether an operation only rearranges reading.
    static boolean isView(Node node) {
        return switch (node.op()) {
            case Broadcast _ -> true;
            case Gather _ -> true;
            case Slice _ -> true;
            case Transpose _ -> true;
            case Reshape _ -> sameExtents(node.shape(), node.input(0).shape());
            default -> false;
        };
    }

    /// The extents of a shape other than 1.
    static List<Dim> extents(Shape shape) {
        return shape.dims().stream().filter(dim -> !dim.isOne()).toList();
    }

    /// Whether two shapes have the same extents other than 1. Lowering asks this more often than anything else.
    static boolean sameExtents(Shape a, Shape b) {
        int i = 0;
        int j = 0;
        while (true) {
            while (i < a.rank() && a.dim(i).isOne()) {
                i++;
            }
            while (j < b.rank() && b.dim(j).isOne()) {
                j++;
            }
            if (i == a.rank() || j == b.rank()) {
                return i == a.rank() && j == b.rank();
            }
            if (!a.dim(i++).equals(b.dim(j++))) {
                return false;
            }
        }
    }

    /// The same reading from one operation further down; null if that can't be expressed.
    @Nullable
    View through() {
        if (!isView(base)) {
            return null;
        }
        Node input = base.input(0);
        Shape shape = input.shape();
        return switch (base.op()) {
            case Broadcast _ -> {
                int[] map = new int[shape.rank()];
                for (int axis = 0; axis < map.length; axis++) {
                    map[axis] = shape.dim(axis).isOne() ? REPEATED : axis;
                }
                yield mapped(input, map);
            }
            case Transpose t ->
                mapped(
                        input,
                        t.permutation().stream().mapToInt(Integer::intValue).toArray());
            case Slice s -> new View(input, index, axes, starts).from(s.axis(), s.start());
            case Gather _ ->
                index == null && !axes.isEmpty() && axes.getFirst() == 0 && starts.getFirst() == 0
                        ? new View(input, base.input(1), axes, starts)
                        : null;
            case Reshape _ -> {
                int[] map = new int[base.shape().rank()];
                int source = 0;
                for (int axis = 0; axis < map.length; axis++) {
                    if (base.shape().dim(axis).isOne()) {
                        map[axis] = REPEATED;
                        continue;
                    }
                    while (shape.dim(source).isOne()) {
                        source++;
                    }
                    map[axis] = source++;
                }
                yield mapped(input, map);
            }
            default -> null;
        };
    }

    /// The base's axis `a` is the input's axis `map[a]`.
    private @Nullable View mapped(Node input, int[] map) {
        if (index != null && map[0] != 0 && map[0] != REPEATED) {
            return null;
        }
        List<Integer> newAxes = new ArrayList<>();
        for (int axis : axes) {
            newAxes.add(axis == REPEATED ? REPEATED : map[axis]);
        }
        List<Integer> newStarts =
                new ArrayList<>(Collections.nCopies(input.shape().rank(), 0));
        for (int axis = 0; axis < map.length; axis++) {
            if (map[axis] != REPEATED) {
                newStarts.set(map[axis], starts.get(axis));
            }
        }
        return new View(input, map.length > 0 && map[0] == REPEATED ? null : index, newAxes, newStarts);
    }

    /// The same reading where the base is one part of a concatenation.
    View inside(Node concat, int part) {
        int axis = ((Concat) concat.op()).axis();
        int start = 0;
        for (int i = 0; i < part; i++) {
            start += concat.input(i).shape().dim(axis).intValue();
        }
        Shape shape = concat.input(part).shape();
        int[] map = new int[base.shape().rank()];
        int next = 0;
        for (int i = 0; i < map.length; i++) {
            map[i] = REPEATED;
            if (!base.shape().dim(i).isOne()) {
                while (shape.dim(next).isOne()) {
                    next++;
                }
                map[i] = next++;
            }
        }
        return Objects.requireNonNull(mapped(concat, map)).from(axis, start);
    }

    /// The same reading `start` entries further on along an axis of the base.
    View from(int axis, int start) {
        List<Integer> moved = new ArrayList<>(starts);
        moved.set(axis, moved.get(axis) + start);
        return new View(base, index, axes, moved);
    }

    /// Step in elements of the base for each loop axis.
    List<Dim> strides() {
        List<Dim> own = rowMajor(base.shape());
        return axes.stream()
                .map(axis -> axis == REPEATED ? Dim.of(0) : own.get(axis))
                .toList();
    }

    /// Elements of the base to skip: a sum over axes.
    List<Dim> offsets() {
        List<Dim> own = rowMajor(base.shape());
        List<Dim> terms = new ArrayList<>();
        for (int axis = 0; axis < own.size(); axis++) {
            if (starts.get(axis) > 0) {
                terms.add(own.get(axis).times(Dim.of(starts.get(axis))));
            }
        }
        return terms;
    }

    private static List<Dim> rowMajor(Shape shape) {
        List<Dim> strides = new ArrayList<>();
        Dim step = Dim.of(1);
        for (int axis = shape.rank() - 1; axis >= 0; axis--) {
            strides.addFirst(step);
            step = step.times(shape.dim(axis));
        }
        return strides;
    }
}
