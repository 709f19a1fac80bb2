package org.iolaus.mpnn;

import org.iolaus.nn.Scope;

/// No message passing, for a global attention that works alone.
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
