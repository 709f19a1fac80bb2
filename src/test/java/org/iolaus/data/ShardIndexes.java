package org.iolaus.data;

import java.util.List;
import java.util.Map;

/// Indices without files behind them.
final class ShardIndexes {
    static final ShardIndex NONE = of(new int[0], new int[0], new byte[0]);

    private ShardIndexes() {}

    static ShardIndex of(int[] atoms, int[] edges, byte[] split) {
        return new ShardIndex(
                "made-up",
                "0",
                new ShardIndex.Content(5, null, null, true, true, false, Map.of(), Map.of()),
                List.of(),
                atoms,
                edges,
                new int[0],
                split,
                new int[atoms.length],
                Statistics.NONE,
                new ShardIndex.Provenance("test", "", "", List.of()));
    }
}
