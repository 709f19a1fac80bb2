package org.iolaus.nn;

import java.util.LinkedHashMap;
import java.util.Map;
import org.iolaus.ir.Node;

/// One evaluation of a model: its mode, the weights of its atoms, and what its buffers become.
public final class Pass {
    private final boolean training;
    private final boolean synchronised;
    private final Node atomWeight;
    private final Map<String, Node> buffers = new LinkedHashMap<>();

    /// Begins an evaluation.
    ///
    /// @param training whether batch statistics (and dropout) are in use
    /// @param synchronised whether batch statistics are over all ranks
    /// @param atomWeight (N, 1): 1, or 0 for padding
    public Pass(boolean training, boolean synchronised, Node atomWeight) {
        this.training = training;
        this.synchronised = synchronised;
        this.atomWeight = atomWeight;
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
