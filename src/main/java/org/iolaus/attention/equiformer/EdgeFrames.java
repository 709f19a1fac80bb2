package org.iolaus.attention.equiformer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.iolaus.ir.Node;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.BilinearTerms.Term;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.CoefficientMapping.Coefficient;
import org.iolaus.so3.Wigner;

/// Turns features of edges into each edge's own frame, whose y axis is the edge, and back. The order of
/// coefficients changes on the way at no cost: it is part of the sparse pattern.
public final class EdgeFrames {
    private final int mmax;
    private final Node wigner;
    private final Map<Key, BilinearTerms> patterns = new HashMap<>();

    private enum Way {
        THERE,
        BACK,
        BACK_FROM_ZERO
    }

    private record Key(Way way, CoefficientMapping mapping) {}

    /// Frames from the rows of Wigner matrices.
    ///
    /// @param mmax the rows are those with `|m| <= mmax`
    /// @param wigner (E, P): of each edge, as [Wigner#packed] stores them
    public EdgeFrames(int mmax, Node wigner) {
        this.mmax = mmax;
        this.wigner = wigner;
    }

    /// Coefficients with `|m| <= mmax` in the edge's frame.
    ///
    /// @param x (E, K, C), degree by degree
    /// @param one resolution
    /// @return (E, R, C), m-major
    public Node rotate(Node x, CoefficientMapping one) {
        return Expr.bilinear(terms(Way.THERE, one, () -> entries(one, one.mMajor(), false)), wigner, x);
    }

    /// The way back; orders that were left out count as 0, and degrees above `mmax` are scaled up for what
    /// they lost.
    ///
    /// @param x (E, R, C), m-major
    /// @param one resolution
    /// @return (E, K, C)
    public Node rotateBack(Node x, CoefficientMapping one) {
        return Expr.bilinear(terms(Way.BACK, one, () -> entries(one, one.mMajor(), true)), wigner, x);
    }

    /// The way back for what has m = 0 only.
    ///
    /// @param x (E, lmax + 1, C)
    /// @param one resolution
    /// @return (E, K, C)
    public Node rotateBackFromZero(Node x, CoefficientMapping one) {
        List<Coefficient> zero = one.mMajor().stream().filter(c -> c.m() == 0).toList();
        return Expr.bilinear(terms(Way.BACK_FROM_ZERO, one, () -> entries(one, zero, true)), wigner, x);
    }

    private BilinearTerms terms(Way way, CoefficientMapping one, Supplier<BilinearTerms> rule) {
        return patterns.computeIfAbsent(new Key(way, one), key -> rule.get());
    }

    /// The pattern of the rows of Wigner matrices that belong to some of the coefficients.
    private BilinearTerms entries(CoefficientMapping one, List<Coefficient> rows, boolean back) {
        List<Term> terms = new ArrayList<>();
        for (int row = 0; row < rows.size(); row++) {
            Coefficient c = rows.get(row);
            for (int n = -c.l(); n <= c.l(); n++) {
                int entry = Wigner.packedIndex(c.l(), c.m(), n, mmax);
                int column = c.l() * c.l() + c.l() + n;
                terms.add(back ? new Term(column, entry, row, one.rescale(c)) : new Term(row, entry, column, 1));
            }
        }
        int entries = wigner.shape().dim(1).intValue();
        return back
                ? new BilinearTerms(one.fullSize(), entries, rows.size(), terms)
                : new BilinearTerms(rows.size(), entries, one.fullSize(), terms);
    }
}
