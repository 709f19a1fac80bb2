package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.iolaus.ir.Node;
import org.iolaus.nn.so3.EdgeFrame;
import org.iolaus.nn.so3.Rotation;
import org.iolaus.so3.CoefficientMapping;

/// The frames of edges, whose y axis is the edge, for the features of each resolution. The coefficients of an
/// edge are m-major; the change of order is part of the rotation and costs nothing.
public final class EdgeFrames {
    private final EdgeFrame frame;
    private final List<Rotation> rotations = new ArrayList<>();

    /// Frames whose Wigner blocks go up to the largest degree and order of `mapping`.
    public EdgeFrames(EdgeFrame frame, CoefficientMapping mapping) {
        this.frame = frame;
        Rotation all = new Rotation(mapping, Rotation.Order.M_MAJOR);
        for (int i = 0; i < mapping.resolutions(); i++) {
            rotations.add(all.resolution(i));
        }
    }

    /// Coefficients with `|m| <= mmax` in the edge's frame: (E, K, C) -> (E, R, C)
    ///
    /// @param i which resolution, here and below
    Node rotate(int i, Node x) {
        return rotations.get(i).toEdge(frame.wigner(), x);
    }

    /// The way back: (E, R, C) -> (E, K, C). Orders that were left out count as 0; degrees above `mmax` are
    /// scaled up for what they lost.
    Node rotateBack(int i, Node x) {
        return rotations.get(i).toGlobal(frame.wigner(), x);
    }

    /// The way back for what has m = 0 only: (E, lmax + 1, C) -> (E, K, C)
    Node rotateBackFromZero(int i, Node x) {
        return rotations.get(i).zeroToGlobal(frame.wigner(), x);
    }

    /// A function of an edge's coefficients that is not quite the same in every frame, such as an activation
    /// on a grid: (E, R, C) -> (E, R, C)
    Node activate(int i, Node x, UnaryOperator<Node> function) {
        return frame.activate(rotations.get(i), x, function);
    }
}
