package org.iolaus.nn;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.jspecify.annotations.Nullable;

/// One evaluation of a model: its mode, the weights of its atoms, its random numbers, and the new values
/// of its buffers.
public final class ForwardContext {
    private final boolean training;
    private final boolean synchronised;
    private final Node atomWeight;
    private final @Nullable Node rngKey;
    private final Map<String, Node> buffers = new LinkedHashMap<>();
    private final Map<Object, Object> made = new HashMap<>();
    private int streams;

    /// Begins an evaluation.
    ///
    /// @param training whether batch statistics (and dropout) are in use
    /// @param synchronised whether batch statistics are over all ranks
    /// @param atomWeight (N, 1): 1, or 0 for padding
    public ForwardContext(boolean training, boolean synchronised, Node atomWeight) {
        this(training, synchronised, atomWeight, null);
    }

    /// Begins an evaluation in which something may be random.
    ///
    /// @param rngKey (2): seed and step; null where nothing is random
    public ForwardContext(boolean training, boolean synchronised, Node atomWeight, @Nullable Node rngKey) {
        this.training = training;
        this.synchronised = synchronised;
        this.atomWeight = atomWeight;
        this.rngKey = rngKey;
    }

    public boolean training() {
        return training;
    }

    public boolean synchronised() {
        return synchronised;
    }

    public Node atomWeight() {
        return atomWeight;
    }

    /// Whether dropout of this probability changes anything.
    public boolean dropsOut(double probability) {
        return training && probability > 0;
    }

    /// In training, `x` with elements set to zero at random and the rest scaled to keep the mean; else `x`.
    public Node dropout(Node x, double probability) {
        if (!dropsOut(probability)) {
            return x;
        }
        return Expr.dropout(x, probability, rngKey(), nextStream());
    }

    /// (2): seed and step of everything random in this evaluation.
    public Node rngKey() {
        if (rngKey == null) {
            throw new IllegalStateException("random numbers: want rng_key, got none");
        }
        return rngKey;
    }

    /// The next stream of random numbers; each place that draws some has its own.
    public int nextStream() {
        return streams++;
    }

    /// What `rule` makes, made once in this evaluation for all that ask with an equal key.
    @SuppressWarnings("unchecked")
    public <T> T once(Object key, Supplier<T> rule) {
        Object known = made.get(key);
        if (known == null) {
            known = rule.get();
            made.put(key, known);
        }
        return (T) known;
    }

    /// The value of a buffer at this point of the evaluation.
    Node buffer(String name, Node before) {
        return buffers.getOrDefault(name, before);
    }

    void update(String name, Node value) {
        buffers.put(name, value);
    }

    /// The buffers that this evaluation sets anew, by name.
    public Map<String, Node> buffers() {
        return buffers;
    }
}
