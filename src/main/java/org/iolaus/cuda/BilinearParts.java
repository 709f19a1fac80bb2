package org.iolaus.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToIntFunction;
import java.util.stream.IntStream;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.BilinearTerms.Term;

/// Shares the rows of a pattern out among threads: rows that use the same columns, as those of one degree of a rotation
/// do, belong to one part, and all parts have about as many terms.
///
/// @param parts the rows of each, ascending
record BilinearParts(BilinearTerms terms, List<List<Integer>> parts) {
    /// Rows of a part, at most: their sums stay in registers.
    private static final int MOST_ROWS = 16;
    /// Terms of a part, at most, unless one row has more.
    private static final int MOST_TERMS = 96;
    /// Terms that make a part worth while.
    private static final int ENOUGH_TERMS = 64;

    static BilinearParts of(BilinearTerms terms) {
        int[] start = terms.byRow().start();
        ToIntFunction<List<Integer>> size = rows ->
                rows.stream().mapToInt(row -> start[row + 1] - start[row]).sum();
        List<List<Integer>> parts = new ArrayList<>();
        for (int i = 0; i < Math.ceilDiv(terms.size(), ENOUGH_TERMS); i++) {
            parts.add(new ArrayList<>());
        }
        List<List<Integer>> together = together(terms);
        together.sort(Comparator.comparingInt(size).reversed());
        for (List<Integer> rows : together) {
            List<Integer> part = parts.stream()
                    .filter(some -> some.size() + rows.size() <= MOST_ROWS)
                    .min(Comparator.comparingInt(size))
                    .orElseGet(() -> {
                        List<Integer> further = new ArrayList<>();
                        parts.add(further);
                        return further;
                    });
            part.addAll(rows);
        }
        parts.removeIf(List::isEmpty);
        parts.forEach(part -> part.sort(null));
        return new BilinearParts(terms, parts);
    }

    /// Rows that share columns, directly or through other rows, in pieces that are small enough for a part.
    private static List<List<Integer>> together(BilinearTerms terms) {
        BilinearTerms.Table table = terms.byRow();
        int[] family = IntStream.range(0, terms.columns()).toArray();
        for (int row = 0; row < terms.rows(); row++) {
            for (int t = table.start()[row] + 1; t < table.start()[row + 1]; t++) {
                int from = family[table.column()[t]];
                int to = family[table.column()[t - 1]];
                Arrays.setAll(family, column -> family[column] == from ? to : family[column]);
            }
        }
        List<List<Integer>> pieces = new ArrayList<>();
        List<Integer> columns =
                new ArrayList<>(IntStream.of(family).distinct().boxed().toList());
        columns.add(-1);
        for (int column : columns) {
            List<Integer> piece = new ArrayList<>();
            int size = 0;
            for (int row = 0; row < terms.rows(); row++) {
                int first = table.start()[row];
                int count = table.start()[row + 1] - first;
                if ((count == 0 ? -1 : family[table.column()[first]]) != column) {
                    continue;
                }
                if (piece.size() == MOST_ROWS || (!piece.isEmpty() && size + count > MOST_TERMS)) {
                    pieces.add(piece);
                    piece = new ArrayList<>();
                    size = 0;
                }
                piece.add(row);
                size += count;
            }
            if (!piece.isEmpty()) {
                pieces.add(piece);
            }
        }
        return pieces;
    }

    /// The classes `part<k>` of `kernels/bilinear.cuh`.
    String text() {
        StringBuilder text = new StringBuilder("template <int K>\nstruct part;\n");
        for (int k = 0; k < parts.size(); k++) {
            text.append(part(k, parts.get(k)));
        }
        return text.toString();
    }

    private String part(int number, List<Integer> rows) {
        BilinearTerms.Table table = terms.byRow();
        List<Term> list = rows.stream()
                .flatMap(row -> IntStream.range(table.start()[row], table.start()[row + 1])
                        .mapToObj(t -> new Term(row, table.entry()[t], table.column()[t], table.coefficient()[t])))
                .sorted(Comparator.comparingInt(Term::column).thenComparingInt(Term::row))
                .toList();
        StringBuilder text = new StringBuilder();
        text.append("template <>\nstruct part<%d> {\n    enum { ROWS = %d };\n".formatted(number, rows.size()));
        text.append(function("add", "const typename G::T* a, const typename G::X* x, bilinear_sum<G> (&sum)[ROWS]"));
        int column = -1;
        for (Term term : list) {
            if (term.column() != column) {
                String declared = column < 0 ? "bilinear_sum<G> " : "";
                column = term.column();
                text.append("        %scolumn = bilinear_column<G>(x, %d);\n".formatted(declared, column));
            }
            text.append("        bilinear_add<G>(sum[%d], typename G::T(%s), a + %d, column);\n"
                    .formatted(rows.indexOf(term.row()), term.coefficient(), term.entry()));
        }
        text.append("    }\n").append(function("store", "typename G::Y* y, const bilinear_sum<G> (&sum)[ROWS]"));
        for (int i = 0; i < rows.size(); i++) {
            text.append("        bilinear_store<G>(y, %d, sum[%d]);\n".formatted(rows.get(i), i));
        }
        return text.append("    }\n};\n").toString();
    }

    private static String function(String name, String parameters) {
        return "    template <class G>\n    static __device__ __forceinline__ void %s(%s) {\n"
                .formatted(name, parameters);
    }
}
