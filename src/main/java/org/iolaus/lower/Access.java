package org.iolaus.lower;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.View;
import org.iolaus.op.Broadcast;
import org.iolaus.op.Concat;
import org.iolaus.op.Gather;
import org.iolaus.op.Reshape;
import org.iolaus.op.Slice;
import org.iolaus.op.Transpose;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// How a loop reads a node's elements from the memory where another node stands, without the node itself being
/// written out.
///
/// @param base whose memory is read
/// @param shape of the node
/// @param index if not null, axis 0 walks the memory through this index
/// @param strides step in elements for each axis of the node; 0 where the value repeats and for extents of 1
/// @param offsets elements to skip: a sum
record Access(Node base, Shape shape, @Nullable Node index, List<Dim> strides, List<Dim> offsets) {
    private static final Dim NONE = Dim.of(0);

    /// The node's own memory, row-major and without gaps.
    static Access direct(Node node) {
        Shape shape = node.shape();
        Dim[] strides = new Dim[shape.rank()];
        Dim step = Dim.of(1);
        for (int axis = strides.length - 1; axis >= 0; axis--) {
            Dim extent = shape.dim(axis);
            strides[axis] = extent.isOne() ? NONE : step;
            step = step.times(extent);
        }
        return new Access(node, shape, null, List.of(strides), List.of());
    }

    /// Whether an operation only rearranges reading.
    static boolean isView(Node node) {
        return node.op() instanceof View;
    }

    /// The node that a node only rearranges the reading of; itself if it does not.
    static Node base(Node node) {
        Node base = node;
        while (isView(base)) {
            base = base.input(0);
        }
        return base;
    }

    /// Whether a node is a reshape that only adds or removes extents of 1.
    static boolean isPlain(Node node) {
        return node.op() instanceof Reshape
                && sameExtents(node.shape(), node.input(0).shape());
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

    /// Whether a shape is another one with some of its axes split: then it can be read and written wherever the
    /// other can.
    static boolean splits(Shape whole, Shape split) {
        int axis = 0;
        for (Dim extent : extents(whole)) {
            Dim product = Dim.of(1);
            while (axis < split.rank() && !product.equals(extent)) {
                product = product.times(split.dim(axis++));
            }
            if (!product.equals(extent)) {
                return false;
            }
        }
        return extents(new Shape(split.dims().subList(axis, split.rank()))).isEmpty();
    }

    /// Reading what an operation makes of the viewed node; null if that can't be expressed.
    ///
    /// @param node its application, which [#isView]
    @Nullable
    Access over(Node node) {
        return switch (node.op()) {
            case Broadcast _ -> new Access(base, node.shape(), index, strides, offsets);
            case Transpose t -> {
                boolean kept = index == null || t.permutation().getFirst() == 0;
                List<Dim> turned =
                        t.permutation().stream().map(axis -> strides.get(axis)).toList();
                yield kept ? new Access(base, node.shape(), index, turned, offsets) : null;
            }
            case Slice s -> index == null || s.axis() > 0 ? part(s.axis(), s.start(), node.shape()) : null;
            case Gather _ -> index == null ? new Access(base, node.shape(), node.input(1), strides, offsets) : null;
            case Reshape _ -> reshaped(node.shape());
            default -> null;
        };
    }

    /// Entries of one axis.
    private Access part(int axis, int start, Shape part) {
        List<Dim> less = new ArrayList<>(strides);
        if (part.dim(axis).isOne()) {
            less.set(axis, NONE);
        }
        List<Dim> more = new ArrayList<>(offsets);
        if (start > 0 && strides.get(axis).factor() > 0) {
            more.add(strides.get(axis).times(Dim.of(start)));
        }
        return new Access(base, part, index, less, more);
    }

    /// Where a part of a concatenation stands that this view reads.
    ///
    /// @param node which is the part, but for extents of 1 and for axes that are split
    @Nullable
    Access inside(Node concat, int part, Node node) {
        int axis = ((Concat) concat.op()).axis();
        int start = 0;
        for (int i = 0; i < part; i++) {
            start += concat.input(i).shape().dim(axis).intValue();
        }
        Access place = part(axis, start, concat.input(part).shape()).reshaped(node.shape());
        return place == null ? null : new Access(node, place.shape, null, place.strides, place.offsets);
    }

    /// The same elements in another shape; null if their steps do not allow it.
    private @Nullable Access reshaped(Shape target) {
        int kept = index == null ? 0 : 1;
        if (kept > 0 && !(target.rank() > 0 && target.dim(0).equals(shape.dim(0)))) {
            return null;
        }
        List<Dim> result = new ArrayList<>(Collections.nCopies(target.rank(), NONE));
        if (kept > 0) {
            result.set(0, strides.getFirst());
        }
        int to = target.rank() - 1;
        for (int from = shape.rank() - 1; from >= kept; ) {
            Dim step = strides.get(from);
            Dim extent = shape.dim(from--);
            while (from >= kept && follows(from, step, extent)) {
                extent = extent.times(shape.dim(from--));
            }
            Dim product = Dim.of(1);
            while (!product.equals(extent)) {
                if (to < kept) {
                    return null;
                }
                if (!target.dim(to).isOne() && step.factor() > 0) {
                    result.set(to, step.times(product));
                }
                product = product.times(target.dim(to--));
            }
        }
        return new Access(base, target, index, result, offsets);
    }

    /// Whether an axis and the axes behind it, `extent` entries in one step, are walked in one step.
    private boolean follows(int axis, Dim step, Dim extent) {
        Dim own = strides.get(axis);
        return shape.dim(axis).isOne() || own.equals(step.times(extent)) || (own.factor() == 0 && step.factor() == 0);
    }
}
