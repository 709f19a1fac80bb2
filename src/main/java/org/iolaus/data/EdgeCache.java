package org.iolaus.data;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.iolaus.atoms.Edges;
import org.jspecify.annotations.Nullable;

/// Neighbour lists by graph, packed, up to a number of bytes. Every epoch visits all graphs in a new order,
/// so what came first is as good as what came last: nothing is ever thrown out.
final class EdgeCache {
    private final long limitBytes;
    private final AtomicLong bytes = new AtomicLong();
    private final ConcurrentHashMap<Integer, Packed> lists = new ConcurrentHashMap<>();

    EdgeCache(long limitBytes) {
        this.limitBytes = limitBytes;
    }

    /// The list of a graph, from here or from `build`.
    Packed get(int graph, int atoms, Supplier<Edges> build) {
        Packed known = lists.get(graph);
        if (known != null) {
            return known;
        }
        Packed made = Packed.of(build.get(), atoms);
        if (bytes.addAndGet(made.bytes()) <= limitBytes) {
            lists.put(graph, made);
        } else {
            bytes.addAndGet(-made.bytes());
        }
        return made;
    }

    /// Edges with the target's number left out and the shift as whole cells.
    ///
    /// @param start `(N + 1)` where each target's edges begin
    /// @param cellOffset `(E, 3)`; null if all are zero
    @SuppressWarnings("ArrayRecordComponent")
    record Packed(int[] start, int[] source, int @Nullable [] cellOffset) {
        static Packed of(Edges edges, int atoms) {
            int[] start = new int[atoms + 1];
            for (int target : edges.target()) {
                start[target + 1]++;
            }
            for (int i = 0; i < atoms; i++) {
                start[i + 1] += start[i];
            }
            boolean periodic = false;
            for (int offset : edges.cellOffset()) {
                periodic |= offset != 0;
            }
            return new Packed(start, edges.source(), periodic ? edges.cellOffset() : null);
        }

        int size() {
            return source.length;
        }

        long bytes() {
            return Integer.BYTES * ((long) start.length + source.length + (cellOffset == null ? 0 : cellOffset.length))
                    + 100;
        }

        /// Writes the edges into a batch.
        ///
        /// @param atom number of the graph's first atom in the batch, `edge` likewise
        /// @param cell `(3, 3)` at `9 * graph` of an array over graphs
        void unpack(int atom, int edge, double[] cell, int graph, int[] into, int[] target, double[] shift) {
            for (int i = 0; i + 1 < start.length; i++) {
                for (int e = start[i]; e < start[i + 1]; e++) {
                    into[edge + e] = atom + source[e];
                    target[edge + e] = atom + i;
                }
            }
            if (cellOffset == null) {
                return;
            }
            int c = 9 * graph;
            for (int e = 0; e < source.length; e++) {
                for (int k = 0; k < 3; k++) {
                    shift[3 * (edge + e) + k] = cellOffset[3 * e] * cell[c + k]
                            + cellOffset[3 * e + 1] * cell[c + 3 + k]
                            + cellOffset[3 * e + 2] * cell[c + 6 + k];
                }
            }
        }
    }
}
