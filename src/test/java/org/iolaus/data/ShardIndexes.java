package org.iolaus.data;

import java.util.List;
import java.util.Map;

/// Indices without files behind them.
final class ShardIndexes {
    static final ShardIndex NONE = of(Counts.of(), Counts.of(), Counts.of());

    private ShardIndexes() {}

    static ShardIndex of(Counts atoms, Counts edges, Counts split) {
        return new ShardIndex(
                "made-up",
                "0",
                new ShardIndex.Content(5, null, null, true, true, false, Map.of(), Map.of()),
                List.of(),
                new GraphTable(
                        Map.of(GraphTable.ATOMS, atoms, GraphTable.EDGES, edges),
                        split,
                        Counts.of(atoms.length(), _ -> 0)),
                Statistics.NONE,
                new ShardIndex.Provenance("test", "", "", List.of()));
    }
}
