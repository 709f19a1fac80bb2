package org.iolaus.op;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToIntFunction;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// The fixed sparse pattern of a bilinear map:
/// `y[row] = sum over terms of coefficient * a[entry] * x[column]`.
///
/// Two patterns are equal if they have the same sizes and terms; the order in which terms are given does
/// not matter.
public final class BilinearTerms {
    private final int rows;
    private final int columns;
    private final int entries;
    private final List<Term> terms;
    private final int hash;
    private final Table byRow;
    private final Table byEntry;
    private @Nullable BilinearTerms transposed;

    /// `coefficient * a[entry] * x[column]` as a part of `y[row]`.
    public record Term(int row, int entry, int column, double coefficient) {}

    /// Terms grouped by one of their numbers: those of group `g` are at `start[g] .. start[g + 1] - 1`.
    @SuppressWarnings("ArrayRecordComponent")
    public record Table(int[] start, int[] row, int[] entry, int[] column, double[] coefficient) {

        /// Number of terms of the group that has most.
        public int longest() {
            int longest = 0;
            for (int g = 0; g + 1 < start.length; g++) {
                longest = Math.max(longest, start[g + 1] - start[g]);
            }
            return longest;
        }
    }

    /// A pattern.
    ///
    /// @param rows of the result
    /// @param entries of the first factor
    /// @param columns of the second factor
    /// @throws ShapeException if a term is out of range
    public BilinearTerms(int rows, int entries, int columns, List<Term> terms) {
        this.rows = rows;
        this.entries = entries;
        this.columns = columns;
        this.terms = new ArrayList<>(terms);
        this.terms.sort(Comparator.comparingInt(Term::row)
                .thenComparingInt(Term::entry)
                .thenComparingInt(Term::column)
                .thenComparingDouble(Term::coefficient));
        for (Term term : terms) {
            boolean inside = in(term.row(), rows) && in(term.entry(), entries) && in(term.column(), columns);
            if (!inside || !Double.isFinite(term.coefficient())) {
                throw new ShapeException("BilinearTerms: want rows below " + rows + ", entries below " + entries
                        + ", columns below " + columns + " and finite coefficients, got " + term);
            }
        }
        this.hash = Arrays.hashCode(new int[] {rows, columns, entries}) * 31 + this.terms.hashCode();
        this.byRow = table(Term::row, rows);
        this.byEntry = table(Term::entry, entries);
    }

    private static boolean in(int number, int count) {
        return 0 <= number && number < count;
    }

    private Table table(ToIntFunction<Term> key, int groups) {
        List<Term> sorted = new ArrayList<>(terms);
        sorted.sort(Comparator.comparingInt(key));
        int[] start = new int[groups + 1];
        sorted.forEach(term -> start[key.applyAsInt(term) + 1]++);
        for (int g = 0; g < groups; g++) {
            start[g + 1] += start[g];
        }
        return new Table(
                start,
                sorted.stream().mapToInt(Term::row).toArray(),
                sorted.stream().mapToInt(Term::entry).toArray(),
                sorted.stream().mapToInt(Term::column).toArray(),
                sorted.stream().mapToDouble(Term::coefficient).toArray());
    }

    public int rows() {
        return rows;
    }

    public int columns() {
        return columns;
    }

    public int entries() {
        return entries;
    }

    /// Number of terms.
    public int size() {
        return terms.size();
    }

    /// The terms of each row of the result.
    public Table byRow() {
        return byRow;
    }

    /// The terms of each entry of the first factor.
    public Table byEntry() {
        return byEntry;
    }

    /// The pattern with rows and columns exchanged.
    public synchronized BilinearTerms transposed() {
        BilinearTerms known = transposed;
        if (known == null) {
            List<Term> turned = terms.stream()
                    .map(term -> new Term(term.column(), term.entry(), term.row(), term.coefficient()))
                    .toList();
            known = new BilinearTerms(columns, entries, rows, turned);
            known.transposed = this;
            transposed = known;
        }
        return known;
    }

    @Override
    public boolean equals(Object other) {
        return this == other
                || (other instanceof BilinearTerms that
                        && hash == that.hash
                        && rows == that.rows
                        && columns == that.columns
                        && entries == that.entries
                        && terms.equals(that.terms));
    }

    @Override
    public int hashCode() {
        return hash;
    }

    @Override
    public String toString() {
        return rows + " rows, " + entries + " entries, " + columns + " columns, " + terms.size() + " terms";
    }
}
