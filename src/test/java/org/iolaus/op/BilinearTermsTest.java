package org.iolaus.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.iolaus.op.BilinearTerms.Term;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.junit.jupiter.api.Test;

final class BilinearTermsTest {
    private static final List<Term> TERMS =
            List.of(new Term(1, 0, 2, 0.5), new Term(0, 1, 1, -1), new Term(1, 1, 0, 2));

    @Test
    void orderOfTermsDoesNotMatter() {
        BilinearTerms one = new BilinearTerms(3, 2, 3, TERMS);
        BilinearTerms other = new BilinearTerms(3, 2, 3, TERMS.reversed());
        assertEquals(one, other);
        assertEquals(one.hashCode(), other.hashCode());
        assertEquals(new BilinearProduct(one), new BilinearProduct(other));
        assertNotEquals(one, new BilinearTerms(4, 2, 3, TERMS));
        assertNotEquals(one, new BilinearTerms(3, 2, 3, TERMS.subList(0, 2)));
    }

    @Test
    void tablesGroupTheTerms() {
        BilinearTerms terms = new BilinearTerms(3, 2, 3, TERMS);
        assertArrayEquals(new int[] {0, 1, 3, 3}, terms.byRow().start());
        assertArrayEquals(new int[] {1, 2, 0}, terms.byRow().column());
        assertArrayEquals(new double[] {-1, 0.5, 2}, terms.byRow().coefficient());
        assertArrayEquals(new int[] {0, 1, 3}, terms.byEntry().start());
        assertArrayEquals(new int[] {1, 0, 1}, terms.byEntry().row());
    }

    @Test
    void transposedTwiceIsTheSame() {
        BilinearTerms terms = new BilinearTerms(3, 2, 4, TERMS);
        assertEquals(4, terms.transposed().rows());
        assertSame(terms, terms.transposed().transposed());
        assertNotEquals(terms, terms.transposed());
    }

    @Test
    void badTermsAndShapesAreRefused() {
        assertThrows(ShapeException.class, () -> new BilinearTerms(1, 2, 3, TERMS));
        assertThrows(ShapeException.class, () -> new BilinearTerms(1, 1, 1, List.of(new Term(0, 0, 0, Double.NaN))));
        BilinearTerms terms = new BilinearTerms(3, 2, 3, TERMS);
        Exception wrong = assertThrows(
                ShapeException.class,
                () -> Expr.bilinear(terms, Expr.input("a", Shape.of("E", 3)), Expr.input("x", Shape.of("E", 3, 8))));
        assertTrue(wrong.getMessage().contains("want (E, 2) and (E, 3, C), got (E, 3) and (E, 3, 8)"));
        assertThrows(
                ShapeException.class,
                () -> Expr.bilinearOuter(
                        terms, Expr.input("u", Shape.of("E", 3, 8)), Expr.input("v", Shape.of("E", 3, 4))));
    }
}
