package org.iolaus.lower;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.View;
import org.iolaus.op.Broadcast;
import org.iolaus.op.Concat;
import org.iolaus.op.Reshape;
import org.iolaus.op.Slice;
import org.iolaus.op.Transpose;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// What a view is of a node that is a view or a concatenation itself. Each pass decides where it applies
/// which identity.
///
/// | view | of | is | |
/// | --- | --- | --- | --- |
/// | one that changes nothing | any node | the node | [#plain] |
/// | slice | a slice along the same axis | one slice | [#merged] |
/// | slice | a concatenation along the same axis, inside one part | a slice of the part | [#merged] |
/// | reshape, transposition, broadcast | one of its kind | one of them, or none | [#merged] |
/// | slice | a concatenation | the concatenation of slices of its parts | [#ofParts] |
/// | reshape that keeps the axis | a concatenation | the concatenation of reshapes of its parts | [#ofParts] |
/// | slice | a broadcast, along an axis that it repeats | a broadcast to less | [#below] |
/// | slice | a reshape that keeps the axis | the reshape of a slice | [#below] |
final class ViewAlgebra {
    private ViewAlgebra() {}

    /// How a pass makes the views that an identity needs.
    interface Maker {
        Node make(View view, Node x);
    }

    /// The view, or the node if the view changes nothing.
    static Node plain(View view, Node x) {
        Node made = Node.of(view, x);
        boolean moves = view instanceof Transpose transpose && !isIdentity(transpose.permutation());
        return !moves && made.shape().equals(x.shape()) ? x : made;
    }

    private static boolean isIdentity(List<Integer> permutation) {
        for (int axis = 0; axis < permutation.size(); axis++) {
            if (permutation.get(axis) != axis) {
                return false;
            }
        }
        return true;
    }

    /// One view instead of two, or of a part instead of a whole concatenation; null if both have to stay.
    static @Nullable Node merged(View view, Node x, Maker maker) {
        return switch (view) {
            case Slice outer
            when x.op() instanceof Slice inner && inner.axis() == outer.axis() ->
                maker.make(new Slice(outer.axis(), inner.start() + outer.start(), outer.length()), x.input(0));
            case Slice slice
            when x.op() instanceof Concat concat && concat.axis() == slice.axis() -> inOnePart(slice, x, maker);
            case Reshape _ when x.op() instanceof Reshape -> maker.make(view, x.input(0));
            case Broadcast _ when x.op() instanceof Broadcast -> maker.make(view, x.input(0));
            case Transpose outer
            when x.op() instanceof Transpose inner ->
                maker.make(
                        new Transpose(outer.permutation().stream()
                                .map(axis -> inner.permutation().get(axis))
                                .toList()),
                        x.input(0));
            default -> null;
        };
    }

    private static @Nullable Node inOnePart(Slice slice, Node concat, Maker maker) {
        int start = 0;
        for (Node part : concat.inputs()) {
            int length = part.shape().dim(slice.axis()).intValue();
            if (start <= slice.start() && slice.start() + slice.length() <= start + length) {
                return maker.make(new Slice(slice.axis(), slice.start() - start, slice.length()), part);
            }
            start += length;
        }
        return null;
    }

    /// The view of a concatenation as one of views of its parts; null if it mixes the parts.
    static @Nullable Node ofParts(View view, Node concat, Maker maker) {
        int axis = ((Concat) concat.op()).axis();
        List<Node> parts = new ArrayList<>();
        return switch (view) {
            case Slice slice
            when slice.axis() == axis -> {
                int start = 0;
                for (Node part : concat.inputs()) {
                    int length = part.shape().dim(axis).intValue();
                    int from = Math.max(start, slice.start());
                    int to = Math.min(start + length, slice.start() + slice.length());
                    if (from < to) {
                        parts.add(maker.make(new Slice(axis, from - start, to - from), part));
                    }
                    start += length;
                }
                yield parts.size() == 1 ? parts.getFirst() : Node.of(concat.op(), parts);
            }
            case Slice slice -> {
                concat.inputs().forEach(part -> parts.add(maker.make(slice, part)));
                yield Node.of(concat.op(), parts);
            }
            case Reshape reshape -> {
                int kept = keptAxis(concat.shape(), reshape.target(), axis);
                if (kept < 0) {
                    yield null;
                }
                for (Node part : concat.inputs()) {
                    Shape target = reshape.target().with(kept, part.shape().dim(axis));
                    parts.add(maker.make(new Reshape(target), part));
                }
                yield Node.of(new Concat(kept), parts);
            }
            default -> null;
        };
    }

    /// The slice of a broadcast or a reshape as one of a slice; null if that is not the same.
    static @Nullable Node below(Slice slice, Node x, Maker maker) {
        return switch (x.op()) {
            case Broadcast broadcast
            when x.input(0).shape().dim(slice.axis()).isOne() ->
                maker.make(new Broadcast(broadcast.target().with(slice.axis(), Dim.of(slice.length()))), x.input(0));
            case Reshape reshape -> {
                Shape target = reshape.target();
                int axis = keptAxis(target, x.input(0).shape(), slice.axis()); // there and back is the same
                if (axis < 0) {
                    yield null;
                }
                Node part = maker.make(new Slice(axis, slice.start(), slice.length()), x.input(0));
                yield maker.make(new Reshape(target.with(slice.axis(), Dim.of(slice.length()))), part);
            }
            default -> null;
        };
    }

    /// The axis of a reshape's result that an axis of what it reshapes becomes; -1 if that is split or merged
    /// with others.
    static int keptAxis(Shape before, Shape after, int axis) {
        Dim behind = volume(before, axis + 1);
        for (int i = 0; i < after.rank(); i++) {
            if (after.dim(i).equals(before.dim(axis)) && volume(after, i + 1).equals(behind)) {
                return i;
            }
        }
        return -1;
    }

    private static Dim volume(Shape shape, int from) {
        return new Shape(shape.dims().subList(from, shape.rank())).volume();
    }
}
