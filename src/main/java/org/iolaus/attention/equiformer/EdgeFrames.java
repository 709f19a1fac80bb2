package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.iolaus.ir.Node;
import org.iolaus.nn.so3.EdgeFrame;
import org.iolaus.nn.so3.Rotation;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.BilinearTerms.Term;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.CoefficientMapping.Coefficient;
import org.iolaus.so3.Wigner;

/// Rotations of the features of each resolution into the frames of edges and back. The y axis of a frame is its edge.
/// Coefficients of edges are m-major; the change of order is part of the rotation and costs nothing.
public final class EdgeFrames {
    private final EdgeFrame frame;
    private final CoefficientMapping mapping;
    private final List<Rotation> rotations = new ArrayList<>();

    /// Frames whose Wigner blocks go up to the largest degree and order of `mapping`.
    public EdgeFrames(EdgeFrame frame, CoefficientMapping mapping) {
        this.frame = frame;
        this.mapping = mapping;
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

    /// The rotation back: (E, R, C) -> (E, K, C). Orders that an edge does not have count as 0; degrees above `mmax`
    /// are scaled up for that loss.
    Node rotateBack(int i, Node x) {
        return rotations.get(i).toGlobal(frame.wigner(), x);
    }

    /// The rotation back of coefficients with m = 0 only: (E, lmax + 1, C) -> (E, K, C)
    Node rotateBackFromZero(int i, Node x) {
        return rotations.get(i).zeroToGlobal(frame.wigner(), x);
    }

    /// The rotation back of one degree only: (E, rows, C) -> (E, 2 l + 1, C)
    ///
    /// @param x m = 0, +1, -1, ... as far as the degree and `mmax` go
    Node rotateBackDegree(int i, Node x, int l) {
        CoefficientMapping one = mapping.resolution(i);
        List<Term> terms = new ArrayList<>();
        int rows = 0;
        for (int m = 0; m <= Math.min(l, one.mmax()); m++) {
            for (int sign = 1; sign >= (m == 0 ? 1 : -1); sign -= 2) {
                for (int n = -l; n <= l; n++) {
                    int entry = Wigner.packedIndex(l, sign * m, n, mapping.mmax());
                    terms.add(new Term(n + l, entry, rows, one.rescale(new Coefficient(0, l, m))));
                }
                rows++;
            }
        }
        int entries = frame.wigner().shape().dim(1).intValue();
        return Expr.bilinear(new BilinearTerms(2 * l + 1, entries, rows, terms), frame.wigner(), x);
    }

    /// Applies a function that depends a little on the frame, such as an activation on a grid: (E, R, C) -> (E, R, C)
    Node activate(int i, Node x, UnaryOperator<Node> function) {
        return frame.activate(rotations.get(i), x, function);
    }
}
