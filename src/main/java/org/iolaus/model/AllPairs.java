package org.iolaus.model;

import java.util.Arrays;

/// Edges between all atoms of each graph ([Model#wantsAllPairs], [AttentionEdges]).
///
/// @param source sender of each edge; edges are sorted by receiver, then by sender
/// @param target receiver of each edge
@SuppressWarnings("ArrayRecordComponent")
public record AllPairs(int[] source, int[] target) {

    /// All ordered pairs of different atoms of one graph.
    ///
    /// @param graph each atom's graph; the atoms of a graph follow one another
    public static AllPairs of(int[] graph) {
        return of(graph, false);
    }

    /// The same.
    ///
    /// @param self whether each atom is paired with itself, too
    static AllPairs of(int[] graph, boolean self) {
        int[] end = new int[graph.length];
        int pairs = 0;
        for (int first = 0; first < graph.length; first = end[first]) {
            int last = first;
            while (last < graph.length && graph[last] == graph[first]) {
                last++;
            }
            Arrays.fill(end, first, last, last);
            pairs = Math.addExact(pairs, Math.multiplyExact(last - first, last - first - (self ? 0 : 1)));
        }
        int[] source = new int[pairs];
        int[] target = new int[pairs];
        int pair = 0;
        for (int first = 0; first < graph.length; first = end[first]) {
            for (int i = first; i < end[first]; i++) {
                for (int j = first; j < end[first]; j++) {
                    if (self || i != j) {
                        target[pair] = i;
                        source[pair++] = j;
                    }
                }
            }
        }
        return new AllPairs(source, target);
    }
}
