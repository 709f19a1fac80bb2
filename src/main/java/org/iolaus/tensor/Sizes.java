package org.iolaus.tensor;

import java.util.HashMap;
import java.util.Map;

/// The values of the symbols for one batch: `N=171, E=2804, G=19`.
public record Sizes(Map<String, Integer> values) {

    public static final Sizes NONE = new Sizes(Map.of());

    public Sizes {
        values = Map.copyOf(values);
    }

    public int of(String symbol) {
        Integer value = values.get(symbol);
        if (value == null) {
            throw new ShapeException("Sizes: want a value for " + symbol + ", got " + values);
        }
        return value;
    }

    /// Finds the symbols' values by comparing symbolic shapes with actual ones.
    public static final class Solver {
        private final Map<String, Integer> found = new HashMap<>();

        /// Adds the actual shape of one array.
        ///
        /// @throws ShapeException if `actual` contradicts the shape or what was found before
        public Solver match(String what, Shape shape, int[] actual) {
            boolean fits = shape.rank() == actual.length;
            for (int i = 0; fits && i < actual.length; i++) {
                fits = match(shape.dim(i), actual[i]);
            }
            if (!fits) {
                throw new ShapeException(what + ": want shape " + shape + " with " + found + ", got "
                        + java.util.Arrays.toString(actual));
            }
            return this;
        }

        public boolean match(Dim dim, int actual) {
            if (dim.isConstant()) {
                return dim.intValue() == actual;
            }
            if (dim.symbols().size() != 1) {
                return new Sizes(found).values().keySet().containsAll(dim.symbols()) && dim.value(sizes()) == actual;
            }
            if (actual % dim.factor() != 0) {
                return false;
            }
            int value = (int) (actual / dim.factor());
            Integer before = found.putIfAbsent(dim.symbols().getFirst(), value);
            return before == null || before == value;
        }

        public Sizes sizes() {
            return new Sizes(found);
        }
    }
}
