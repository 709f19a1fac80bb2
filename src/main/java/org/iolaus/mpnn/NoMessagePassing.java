package org.iolaus.mpnn;

import org.iolaus.nn.Scope;

/// Layers that change nothing: for a global attention alone.
public final class NoMessagePassing implements MessagePassing {

    @Override
    public Layer layer(Scope scope, int in, int out, boolean last) {
        return (features, graph, context) -> features;
    }

    @Override
    public boolean readsEdgeFeatures() {
        return false;
    }
}
