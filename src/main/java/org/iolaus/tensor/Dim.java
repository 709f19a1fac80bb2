package org.iolaus.tensor;

import java.util.ArrayList;
import java.util.List;

/// One extent of a shape: a constant times a product of symbols, such as `64`, `N` or `3*N`.
///
/// @param factor positive constant (0 only for an empty extent)
/// @param symbols sorted names, each standing for a size that is known when a batch is bound
public record Dim(long factor, List<String> symbols) {

    public Dim {
        if (factor < 0) {
            throw new ShapeException("Dim: want factor >= 0, got " + factor);
        }
        symbols = symbols.stream().sorted().toList();
    }

    public static Dim of(long value) {
        return new Dim(value, List.of());
    }

    public static Dim symbol(String name) {
        return new Dim(1, List.of(name));
    }

    public boolean isConstant() {
        return symbols.isEmpty() || factor == 0;
    }

    /// Whether this extent is 1, the one that broadcasts.
    public boolean isOne() {
        return symbols.isEmpty() && factor == 1;
    }

    public Dim times(Dim other) {
        List<String> all = new ArrayList<>(symbols);
        all.addAll(other.symbols);
        return new Dim(Math.multiplyExact(factor, other.factor), all);
    }

    /// The value of a constant extent.
    ///
    /// @throws ShapeException if it has symbols
    public int intValue() {
        if (!isConstant()) {
            throw new ShapeException("Dim: want a constant, got " + this);
        }
        return Math.toIntExact(factor);
    }

    public long longValue() {
        return intValue();
    }

    public long value(Sizes sizes) {
        long value = factor;
        for (String symbol : symbols) {
            value = Math.multiplyExact(value, (long) sizes.of(symbol));
        }
        return value;
    }

    @Override
    public String toString() {
        if (symbols.isEmpty()) {
            return Long.toString(factor);
        }
        String product = String.join("*", symbols);
        return factor == 1 ? product : factor + "*" + product;
    }
}
