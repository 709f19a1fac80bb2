package org.iolaus.model;

import java.util.stream.IntStream;

/// Edges between all atoms of each graph, for models that ask for them ([Model#wantsAllPairs], [AttentionEdges]).
///
/// @param source sender of each edge; edges are sorted by receiver, then by sender
/// @param target receiver of each edge
@SuppressWarnings("ArrayRecordComponent")
public record AllPairs(int[] source, int[] target) {

    /// All ordered pairs of different atoms of one graph.
    ///
    /// @param graph each atom's graph
    public static AllPairs of(int[] graph) {
        return of(graph, false);
    }

    /// The same.
    ///
    /// @param self whether each atom is paired with itself, too
    static AllPairs of(int[] graph, boolean self) {
        IntStream.Builder source = IntStream.builder();
        IntStream.Builder target = IntStream.builder();
        for (int i = 0; i < graph.length; i++) {
            for (int j = 0; j < graph.length; j++) {
                if ((self || i != j) && graph[i] == graph[j]) {
                    target.add(i);
                    source.add(j);
                }
            }
        }
        return new AllPairs(source.build().toArray(), target.build().toArray());
    }
}
