package org.iolaus.nn.so3;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.BilinearTerms.Term;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.so3.CoefficientMapping.Coefficient;
import org.iolaus.so3.Wigner;

/// Rotates embeddings into the frames of edges, where only `|m| <= mmax` is kept, and back.
///
/// The Wigner blocks are a node `wigner: (E, S)` in the order of [Wigner#packed] (rows `|m| <= mmax` of every
/// degree), shared by all layers. K and R count full and reduced coefficients of the mapping. Every function is one
/// sparse bilinear map ([org.iolaus.op.BilinearProduct]), linear in `wigner` and in `x`, with derivatives of every
/// order with respect to both.
public final class Rotation {

    /// How the reduced coefficients of an edge are stored: see [CoefficientMapping].
    public enum Order {
        REDUCED,
        M_MAJOR
    }

    private final CoefficientMapping mapping;
    private final Order order;
    private final int storedDegree;
    private final int storedOrder;
    private final BilinearTerms toEdge;
    private final BilinearTerms toGlobal;
    private final BilinearTerms zeroToGlobal;
    private final BilinearTerms roll;

    /// For Wigner blocks stored up to the largest degree and order of the mapping.
    public Rotation(CoefficientMapping mapping, Order order) {
        this(mapping, order, mapping.lmax(), mapping.mmax());
    }

    private Rotation(CoefficientMapping mapping, Order order, int storedDegree, int storedOrder) {
        this.mapping = mapping;
        this.order = order;
        this.storedDegree = storedDegree;
        this.storedOrder = storedOrder;
        this.toEdge = blocks(mapping.full(), edgeOrder(), false);
        this.toGlobal = blocks(mapping.full(), edgeOrder(), true).transposed();
        List<Coefficient> zeros =
                mapping.reduced().stream().filter(c -> c.m() == 0).toList();
        this.zeroToGlobal = blocks(mapping.full(), zeros, true).transposed();
        this.roll = rolls(edgeOrder());
    }

    /// The rotation of one resolution alone, with the same Wigner blocks.
    public Rotation resolution(int i) {
        return new Rotation(mapping.resolution(i), order, storedDegree, storedOrder);
    }

    public CoefficientMapping mapping() {
        return mapping;
    }

    /// S: numbers per edge of the Wigner blocks.
    public int storage() {
        return Wigner.packedSize(storedDegree, storedOrder);
    }

    /// The coefficients of an edge in the order in which this rotation has them, (R).
    public List<Coefficient> edgeOrder() {
        return order == Order.M_MAJOR ? mapping.mMajor() : mapping.reduced();
    }

    private BilinearTerms blocks(List<Coefficient> full, List<Coefficient> kept, boolean rescaled) {
        List<Term> terms = new ArrayList<>();
        for (int row = 0; row < kept.size(); row++) {
            Coefficient one = kept.get(row);
            double factor = rescaled ? mapping.rescale(one) : 1;
            for (int column = 0; column < full.size(); column++) {
                Coefficient other = full.get(column);
                if (one.resolution() == other.resolution() && one.l() == other.l()) {
                    int entry = Wigner.packedIndex(one.l(), one.m(), other.m(), storedOrder);
                    terms.add(new Term(row, entry, column, factor));
                }
            }
        }
        return new BilinearTerms(kept.size(), storage(), full.size(), terms);
    }

    /// Rotations about the polar axis: entry 0 is 1, entry `2 m - 1` the cosine and `2 m` the sine of m
    /// times the angle.
    private BilinearTerms rolls(List<Coefficient> kept) {
        List<Term> terms = new ArrayList<>();
        for (int row = 0; row < kept.size(); row++) {
            Coefficient one = kept.get(row);
            int m = Math.abs(one.m());
            terms.add(new Term(row, m == 0 ? 0 : 2 * m - 1, row, 1));
            if (m > 0) {
                int partner = kept.indexOf(new Coefficient(one.resolution(), one.l(), -one.m()));
                terms.add(new Term(row, 2 * m, partner, one.m() > 0 ? -1 : 1));
            }
        }
        return new BilinearTerms(kept.size(), 2 * storedOrder + 1, kept.size(), terms);
    }

    /// Into the edge's frame: `(E, K, C)` to `(E, R, C)`.
    public Node toEdge(Node wigner, Node x) {
        return Expr.bilinear(toEdge, wigner, x);
    }

    /// Back from the edge's frame, with the factor of [CoefficientMapping#rescale]: `(E, R, C)` to `(E, K, C)`.
    public Node toGlobal(Node wigner, Node x) {
        return Expr.bilinear(toGlobal, wigner, x);
    }

    /// Like [#toGlobal] for an edge that has `m = 0` only: one coefficient per resolution and degree,
    /// `(E, sum of (lmax + 1), C)` to `(E, K, C)`.
    public Node zeroToGlobal(Node wigner, Node x) {
        return Expr.bilinear(zeroToGlobal, wigner, x);
    }

    /// The coefficients of an edge after a roll of its frame about the edge.
    ///
    /// @param multiples (E, 2 mmax + 1): 1, then cosine and sine of 1, 2, ... times the angle
    /// @param x (E, R, C)
    Node roll(Node multiples, Node x) {
        return Expr.bilinear(roll, multiples, x);
    }

    /// The inverse of [#roll].
    Node rollBack(Node multiples, Node x) {
        return Expr.bilinear(roll.transposed(), multiples, x);
    }
}
