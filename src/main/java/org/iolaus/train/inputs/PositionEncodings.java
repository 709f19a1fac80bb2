package org.iolaus.train.inputs;

import java.util.Arrays;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.iolaus.atoms.LaplacianEncoding;
import org.iolaus.data.Batch;

/// Encodings of positions in the graphs of batches, for GPS. They depend on who is whose neighbour alone, so frames
/// of one molecule share them; those of graphs met before are kept while there is room.
final class PositionEncodings {
    private static final long ROOM_BYTES = 1L << 28;

    private final int count;
    private final ConcurrentHashMap<Connectivity, double[]> known = new ConcurrentHashMap<>();
    private final AtomicLong bytes = new AtomicLong();

    /// @param count eigenvectors per graph
    PositionEncodings(int count) {
        this.count = count;
    }

    /// (rows, count): of the atoms of a batch, then zeros.
    double[] of(Batch batch, int rows) {
        double[] all = new double[rows * count];
        int atom = 0;
        int edge = 0;
        for (int graph = 0; graph < batch.graphs(); graph++) {
            int first = atom;
            int start = edge;
            while (atom < batch.atoms() && batch.graphOfAtom()[atom] == graph) {
                atom++;
            }
            while (edge < batch.edges() && batch.target()[edge] < atom) {
                edge++;
            }
            double[] part = encoding(new Connectivity(
                    atom - first, from(batch.source(), start, edge, first), from(batch.target(), start, edge, first)));
            System.arraycopy(part, 0, all, first * count, part.length);
        }
        return all;
    }

    private static int[] from(int[] atoms, int start, int end, int first) {
        int[] part = Arrays.copyOfRange(atoms, start, end);
        Arrays.setAll(part, i -> part[i] - first);
        return part;
    }

    private double[] encoding(Connectivity graph) {
        double[] before = known.get(graph);
        if (before != null) {
            return before;
        }
        double[] made = LaplacianEncoding.of(graph.atoms, graph.source, graph.target, count);
        if (bytes.addAndGet(graph.bytes(made)) <= ROOM_BYTES) {
            known.put(graph, made);
        }
        return made;
    }

    /// Who is whose neighbour in one graph.
    private static final class Connectivity {
        private final int atoms;
        private final int[] source;
        private final int[] target;
        private final int hash;

        Connectivity(int atoms, int[] source, int[] target) {
            this.atoms = atoms;
            this.source = source;
            this.target = target;
            this.hash = 31 * Arrays.hashCode(source) + Arrays.hashCode(target);
        }

        long bytes(double[] encoding) {
            return 200 + (long) Integer.BYTES * 2 * source.length + (long) Double.BYTES * encoding.length;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Connectivity graph
                    && atoms == graph.atoms
                    && Arrays.equals(source, graph.source)
                    && Arrays.equals(target, graph.target);
        }

        @Override
        public int hashCode() {
            return hash;
        }
    }
}
