package org.iolaus.model;

import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// Global attention engines. Each is a [GlobalAttention] and a line here; those without a constructor are
/// not supported yet.
@SuppressWarnings("ImmutableEnumChecker") // constructors hold nothing
public enum AttentionEngine {
    GPS("GPS", Gps::new),
    EQUIVARIANT_TRANSFORMER("EquivariantTransformer", null),
    EQUIFORMER_V2("EquiformerV2", Equiformers::new);

    private final String key;
    private final @Nullable Function<Architecture, GlobalAttention> constructor;

    AttentionEngine(String key, @Nullable Function<Architecture, GlobalAttention> constructor) {
        this.key = key;
        this.constructor = constructor;
    }

    public boolean isSupported() {
        return constructor != null;
    }

    @Nullable
    GlobalAttention make(Architecture architecture) {
        return constructor == null ? null : constructor.apply(architecture);
    }

    @Override
    public String toString() {
        return key;
    }
}
