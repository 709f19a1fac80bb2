package org.iolaus.atoms;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Finds all pairs of atoms, periodic images included, that are at most a cutoff apart: `|edge_vector| <= cutoff`.
///
/// A cell list: atoms are sorted into bins about half a cutoff wide, and each atom looks into the bins around its
/// own, so the work is O(N). Bins are counted along the lattice directions, and a search that leaves the box on one
/// side enters its next image. So any mix of periodic directions, cells smaller than the cutoff, triclinic cells and
/// atoms outside of the cell need no case of their own. An atom is a neighbour of its images, never of itself.
public final class NeighbourList {
    /// Atoms nearer than this, Å, lie on top of each other.
    public static final double OVERLAP_ANGSTROM = 1e-3;

    /// No neighbour limit.
    public static final int UNLIMITED = Integer.MAX_VALUE;

    /// In a periodic direction the cell must not be flatter than this, Å.
    private static final double MIN_HEIGHT_ANGSTROM = 0.1;

    /// Beyond this, Å, a double no longer resolves distances well, and a count of cells may exceed an int.
    private static final double MAX_COORDINATE_ANGSTROM = 1e6;

    /// The search reaches this factor beyond the cutoff, so that rounding loses no pair exactly one cutoff
    /// apart; the distance that decides is that of the given positions.
    private static final double REACH = 1 + 1e-6;

    private final double[] positions;
    private final double[] rows;
    private final double cutoffSquared;
    private final int atoms;

    /// `(N, 3)` whole cells that each atom lies outside of the box.
    private final int[] box;
    /// Bins along each direction, bins to look at on either side, and whether leaving the last bin enters the
    /// next image.
    private final int[] bins = new int[3];

    private final int[] reach = new int[3];
    private final boolean[] periodic;
    /// `(N, 3)` the bin of each atom.
    private final int[] bin;
    /// The atoms of bin `b` are `binAtoms[binStart[b] .. binStart[b + 1])`, ascending.
    private final int[] binStart;

    private final int[] binAtoms;
    /// `(N, 3)` positions inside the box, in the order of `binAtoms`: what the inner loop runs over.
    private final double[] wrapped;

    /// The neighbours of the current target, in the order found.
    private int found;

    private int[] foundSource = new int[64];
    private int[] foundOffset = new int[3 * 64];
    private double[] foundSquare = new double[64];

    /// The edges so far.
    private int edges;

    private int[] source;
    private int[] cellOffset;

    /// The edges of one frame. Positions stay where they are; shifts refer to them as given.
    ///
    /// @param positions `(N, 3)` Å
    /// @param cell `(3, 3)` lattice vectors as rows, Å; null if no direction is periodic. Vectors of directions
    ///     that are not periodic are not looked at
    /// @param periodic for each lattice vector
    /// @param cutoffAngstrom the largest distance, inclusive
    /// @param maxNeighbours per target only the nearest so many are kept; of those equally far the ones with the
    ///     lower source index, then the lower cell offset
    /// @throws IllegalArgumentException for a cell without volume, a position that is not finite, or two atoms
    ///     on top of each other
    public static Edges build(
            double[] positions,
            double @Nullable [] cell,
            boolean[] periodic,
            double cutoffAngstrom,
            int maxNeighbours) {
        require(positions.length % 3 == 0, "positions: want (N, 3) numbers, got ", positions.length);
        require(periodic.length == 3, "periodic: want 3 directions, got ", periodic.length);
        require(cell == null || cell.length == 9, "cell: want 9 numbers, got ", cell == null ? 0 : cell.length);
        require(
                cutoffAngstrom > 0 && Double.isFinite(cutoffAngstrom),
                "cutoff: want a length in Å, got ",
                cutoffAngstrom);
        require(maxNeighbours > 0, "maxNeighbours: want at least 1, got ", maxNeighbours);
        require(
                cell != null || !(periodic[0] || periodic[1] || periodic[2]),
                "cell: want one for periodic directions, got ",
                "none");
        for (int i = 0; i < positions.length; i++) {
            if (!(Math.abs(positions[i]) < MAX_COORDINATE_ANGSTROM)) {
                throw new IllegalArgumentException("position of atom " + i / 3 + ": want coordinates within "
                        + MAX_COORDINATE_ANGSTROM + " Å, got " + positions[i]);
            }
        }
        return new NeighbourList(positions, cell == null ? new double[9] : cell, periodic, cutoffAngstrom)
                .search(maxNeighbours);
    }

    private NeighbourList(double[] positions, double[] cell, boolean[] periodic, double cutoff) {
        this.positions = positions;
        this.periodic = periodic;
        this.atoms = positions.length / 3;
        this.cutoffSquared = cutoff * cutoff;
        Cell full = Cell.completed(cell, periodic);
        this.rows = full.rows();
        double[] heights = full.heights();
        double[] fractional = full.fractional(positions);
        this.box = new int[3 * atoms];
        double[] low = new double[3];
        double[] extent = new double[3];
        for (int d = 0; d < 3; d++) {
            if (periodic[d]) {
                require(
                        heights[d] >= MIN_HEIGHT_ANGSTROM,
                        "cell: want at least " + MIN_HEIGHT_ANGSTROM + " Å between opposite faces, direction " + d
                                + ", got ",
                        heights[d]);
                wrap(fractional, d);
                extent[d] = 1;
            } else {
                double[] range = range(fractional, d);
                low[d] = range[0];
                extent[d] = range[1] - range[0];
            }
        }
        chooseBins(extent, heights, cutoff * REACH);
        this.bin = new int[3 * atoms];
        for (int i = 0; i < 3 * atoms; i++) {
            int d = i % 3;
            double place = extent[d] > 0 ? (fractional[i] - low[d]) / extent[d] * bins[d] : 0;
            bin[i] = Math.clamp((long) place, 0, bins[d] - 1);
        }
        this.binStart = new int[bins[0] * bins[1] * bins[2] + 1];
        this.binAtoms = new int[atoms];
        this.wrapped = new double[3 * atoms];
        sortIntoBins();
        int guess = Math.max(64, (int) Math.min(32L * atoms, Integer.MAX_VALUE / 4));
        this.source = new int[guess];
        this.cellOffset = new int[3 * guess];
    }

    private void wrap(double[] fractional, int d) {
        for (int i = d; i < fractional.length; i += 3) {
            double whole = Math.floor(fractional[i]);
            box[i] = (int) whole;
            fractional[i] -= whole;
        }
    }

    private static double[] range(double[] fractional, int d) {
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (int i = d; i < fractional.length; i += 3) {
            low = Math.min(low, fractional[i]);
            high = Math.max(high, fractional[i]);
        }
        return fractional.length == 0 ? new double[2] : new double[] {low, high};
    }

    /// Bins about half a cutoff wide, but in all no more than about four per atom: a few atoms in much vacuum
    /// get wider ones.
    private void chooseBins(double[] extent, double[] heights, double reachAngstrom) {
        double[] lengths = new double[3];
        double[] wanted = new double[3];
        for (int d = 0; d < 3; d++) {
            lengths[d] = extent[d] * heights[d];
            wanted[d] = Math.max(1, Math.floor(2 * lengths[d] / reachAngstrom));
        }
        double limit = Math.min(4.0 * atoms + 64, 1 << 28);
        while (wanted[0] * wanted[1] * wanted[2] > limit) {
            int most = wanted[0] >= wanted[1] ? (wanted[0] >= wanted[2] ? 0 : 2) : (wanted[1] >= wanted[2] ? 1 : 2);
            wanted[most] = Math.max(1, Math.floor(wanted[most] / 2));
        }
        for (int d = 0; d < 3; d++) {
            bins[d] = (int) wanted[d];
            double across = lengths[d] > 0 ? Math.ceil(reachAngstrom / lengths[d] * bins[d]) : 0;
            require(across < 1 << 16, "cutoff: want less than 2^16 bins across, got ", across);
            reach[d] = periodic[d] ? (int) across : (int) Math.min(across, bins[d] - 1);
        }
    }

    private void sortIntoBins() {
        for (int i = 0; i < atoms; i++) {
            binStart[flatBin(i) + 1]++;
        }
        for (int b = 1; b < binStart.length; b++) {
            binStart[b] += binStart[b - 1];
        }
        int[] next = binStart.clone();
        for (int i = 0; i < atoms; i++) {
            int a = next[flatBin(i)]++;
            binAtoms[a] = i;
            for (int k = 0; k < 3; k++) {
                wrapped[3 * a + k] = positions[3 * i + k] - shift(box[3 * i], box[3 * i + 1], box[3 * i + 2], k);
            }
        }
    }

    private int flatBin(int atom) {
        return (bin[3 * atom] * bins[1] + bin[3 * atom + 1]) * bins[2] + bin[3 * atom + 2];
    }

    private Edges search(int maxNeighbours) {
        int[] firstEdge = new int[atoms + 1];
        long[] keys = new long[64];
        for (int i = 0; i < atoms; i++) {
            found = 0;
            lookAround(i);
            keys = sortedKeys(keys);
            append(keys, maxNeighbours);
            firstEdge[i + 1] = edges;
        }
        int[] target = new int[edges];
        for (int i = 0; i < atoms; i++) {
            Arrays.fill(target, firstEdge[i], firstEdge[i + 1], i);
        }
        cellOffset = Arrays.copyOf(cellOffset, 3 * edges);
        double[] shift = new double[3 * edges];
        for (int e = 0; e < 3 * edges; e += 3) {
            for (int k = 0; k < 3; k++) {
                shift[e + k] = shift(cellOffset[e], cellOffset[e + 1], cellOffset[e + 2], k);
            }
        }
        return new Edges(Arrays.copyOf(source, edges), target, cellOffset, shift);
    }

    private double shift(int n0, int n1, int n2, int k) {
        return n0 * rows[k] + n1 * rows[3 + k] + n2 * rows[6 + k];
    }

    /// Visits the bins around atom `i` in ascending order, so that the images of one source come in ascending
    /// order too.
    private void lookAround(int i) {
        int bx = bin[3 * i];
        int by = bin[3 * i + 1];
        int bz = bin[3 * i + 2];
        double[] own = new double[3];
        for (int k = 0; k < 3; k++) {
            own[k] = positions[3 * i + k] - shift(box[3 * i], box[3 * i + 1], box[3 * i + 2], k);
        }
        double nearlySquared = cutoffSquared * REACH * REACH;
        for (int x = first(0, bx); x <= last(0, bx); x++) {
            int nx = Math.floorDiv(x, bins[0]);
            int rowX = (x - nx * bins[0]) * bins[1];
            for (int y = first(1, by); y <= last(1, by); y++) {
                int ny = Math.floorDiv(y, bins[1]);
                int rowY = (rowX + y - ny * bins[1]) * bins[2];
                for (int z = first(2, bz); z <= last(2, bz); z++) {
                    int nz = Math.floorDiv(z, bins[2]);
                    int b = rowY + z - nz * bins[2];
                    double ownX = own[0] - shift(nx, ny, nz, 0);
                    double ownY = own[1] - shift(nx, ny, nz, 1);
                    double ownZ = own[2] - shift(nx, ny, nz, 2);
                    for (int a = binStart[b]; a < binStart[b + 1]; a++) {
                        double dx = wrapped[3 * a] - ownX;
                        double dy = wrapped[3 * a + 1] - ownY;
                        double dz = wrapped[3 * a + 2] - ownZ;
                        if (dx * dx + dy * dy + dz * dz <= nearlySquared) {
                            test(i, binAtoms[a], nx, ny, nz);
                        }
                    }
                }
            }
        }
    }

    private int first(int d, int b) {
        return periodic[d] ? b - reach[d] : Math.max(0, b - reach[d]);
    }

    private int last(int d, int b) {
        return periodic[d] ? b + reach[d] : Math.min(bins[d] - 1, b + reach[d]);
    }

    /// Keeps atom `j`, in the image `(nx, ny, nz)` of the box, if it is near enough to atom `i`.
    private void test(int i, int j, int nx, int ny, int nz) {
        int n0 = nx - box[3 * j] + box[3 * i];
        int n1 = ny - box[3 * j + 1] + box[3 * i + 1];
        int n2 = nz - box[3 * j + 2] + box[3 * i + 2];
        double dx = positions[3 * j] + shift(n0, n1, n2, 0) - positions[3 * i];
        double dy = positions[3 * j + 1] + shift(n0, n1, n2, 1) - positions[3 * i + 1];
        double dz = positions[3 * j + 2] + shift(n0, n1, n2, 2) - positions[3 * i + 2];
        double square = dx * dx + dy * dy + dz * dz;
        if (square > cutoffSquared || (i == j && n0 == 0 && n1 == 0 && n2 == 0)) {
            return;
        }
        if (square < OVERLAP_ANGSTROM * OVERLAP_ANGSTROM) {
            throw new IllegalArgumentException("atoms " + Math.min(i, j) + " and " + Math.max(i, j) + ": want at least "
                    + OVERLAP_ANGSTROM + " Å between them, got " + Math.sqrt(square));
        }
        if (found == foundSource.length) {
            int grown = grown(found, found + 1);
            foundSource = Arrays.copyOf(foundSource, grown);
            foundOffset = Arrays.copyOf(foundOffset, 3 * grown);
            foundSquare = Arrays.copyOf(foundSquare, grown);
        }
        foundSource[found] = j;
        foundOffset[3 * found] = n0;
        foundOffset[3 * found + 1] = n1;
        foundOffset[3 * found + 2] = n2;
        foundSquare[found++] = square;
    }

    /// The neighbours found, ordered by source and then as found (by cell offset): `source << 32 | place`.
    private long[] sortedKeys(long[] reuse) {
        long[] keys = found <= reuse.length ? reuse : new long[foundSource.length];
        for (int f = 0; f < found; f++) {
            keys[f] = (long) foundSource[f] << 32 | f;
        }
        Arrays.sort(keys, 0, found);
        return keys;
    }

    private void append(long[] keys, int maxNeighbours) {
        double farthest = Double.POSITIVE_INFINITY;
        int atFarthest = 0;
        if (found > maxNeighbours) {
            double[] squares = Arrays.copyOf(foundSquare, found);
            Arrays.sort(squares);
            farthest = squares[maxNeighbours - 1];
            for (int n = maxNeighbours - 1; n >= 0 && squares[n] == farthest; n--) {
                atFarthest++;
            }
        }
        int needed = Math.addExact(edges, Math.min(found, maxNeighbours));
        if (needed > source.length) {
            int grown = grown(source.length, needed);
            source = Arrays.copyOf(source, grown);
            cellOffset = Arrays.copyOf(cellOffset, 3 * grown);
        }
        for (int n = 0; n < found; n++) {
            int f = (int) keys[n];
            if (foundSquare[f] > farthest || (foundSquare[f] == farthest && atFarthest-- <= 0)) {
                continue;
            }
            source[edges] = foundSource[f];
            System.arraycopy(foundOffset, 3 * f, cellOffset, 3 * edges, 3);
            edges++;
        }
    }

    private static int grown(int length, int needed) {
        long limit = Integer.MAX_VALUE / 3 - 8;
        require(needed <= limit, "neighbour list: want fewer than 2^31 / 3 edges, got ", needed);
        return (int) Math.min(limit, Math.max(needed, length + (length >> 1)));
    }

    private static void require(boolean holds, String want, Object got) {
        if (!holds) {
            throw new IllegalArgumentException(want + got);
        }
    }
}
