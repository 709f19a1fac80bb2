package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iolaus.op.BilinearTerms;
import org.iolaus.op.GridActivation;

/// Launches of the hand-written kernels of one number format: which regime, which grid, which arguments. What each
/// kernel computes stands in `kernels/*.cu`; arguments that are `long` and named like arrays are device addresses.
///
/// Arrays without elements need no launch. Every array holds fewer than 2^31 elements.
public final class Kernels {
    private static final int BLOCK = 256;
    private static final int WARP = 32;
    /// Blocks that fill a large device twice over.
    private static final int ENOUGH_BLOCKS = 264;
    /// Result elements that give every processor enough threads without sharing one result.
    private static final long ENOUGH_THREADS = 100_000;

    private static final int SMALL_GEMM_TILE = 32;
    private static final int SMALL_GEMM_THREADS = 128;
    /// Where it beats cuBLAS 13.1 on an H100.
    private static final int SMALL_GEMM_TILES = 152;

    private static final int SMALL_GEMM_DEPTH = 192;

    private static final int MOST_PARTS = 1024;

    private final DeviceRuntime device;
    private final DeviceRuntime.Module module;
    private final int bytes;
    private final Map<String, DeviceRuntime.Kernel> kernels = new HashMap<>();
    private final Map<BilinearVariant, BilinearKernels> bilinear = new HashMap<>();
    private final Map<GridVariant, GridKernel> grids = new HashMap<>();

    private record BilinearVariant(BilinearTerms terms, boolean columnsBf16, boolean rowsBf16) {}

    private record GridVariant(GridActivation op, boolean fast, int bf16) {}

    /// How a reduction shares its work: see `kernels/tile.cuh`.
    ///
    /// @param parts pieces of the reduced axis, `chunk` entries each
    private record Tile(long lanes, long walkers, long parts, long chunk) {
        static final Tile ONE_THREAD = new Tile(1, 1, 1, Integer.MAX_VALUE);

        long blocks(long rows, long columns) {
            long groups = BLOCK / (lanes * walkers);
            return ceil(rows * ceil(columns, lanes), groups);
        }

        int sharedBytes(long packBytes) {
            return walkers == 1 ? 0 : (int) (BLOCK * packBytes);
        }
    }

    /// @param bytes of one number: 8 or 4
    public Kernels(DeviceRuntime device, int bytes) {
        this.device = device;
        this.module = device.builtin();
        this.bytes = bytes;
    }

    /// `y (rows, columns)`: sums of the rows of `x (entries, columns)` by segment.
    ///
    /// @param start int32 (rows + 1)
    /// @param order int32 (entries), or 0 where the entries are sorted by segment
    List<Work> segmentSum(long x, long start, long order, long y, long rows, long columns, long entries) {
        return segment("segment_sum", x, start, order, y, rows, columns, entries);
    }

    /// Like `segmentSum`, with the largest; 0 for an empty segment.
    List<Work> segmentMax(long x, long start, long order, long y, long rows, long columns, long entries) {
        return segment("segment_max", x, start, order, y, rows, columns, entries);
    }

    private List<Work> segment(
            String op, long x, long start, long order, long y, long rows, long columns, long entries) {
        if (rows * columns == 0) {
            return List.of();
        }
        long pack = pack(columns, x, y);
        long packs = columns / pack;
        long average = entries / rows;
        Tile tile = Tile.ONE_THREAD;
        if (average >= WARP && rows * packs < ENOUGH_THREADS) {
            long lanes = Math.min(WARP, powerAbove(packs));
            tile = new Tile(lanes, Math.min(BLOCK / lanes, powerBelow(average / 4)), 1, 0);
        }
        long[] arguments = {x, start, order, y, rows, columns, pack > 1 ? 1 : 0, tile.lanes(), tile.walkers()};
        return List.of(launch(typed(op), tile.blocks(rows, packs), 1, tile.sharedBytes(pack * bytes), arguments));
    }

    /// Bytes of workspace that `reduceSum` wants.
    static long reduceSumWorkspace(int bytes, long outer, long reduced, long inner) {
        long single = tile(outer, reduced, inner).parts();
        long wide = tile(outer, reduced, ceil(inner, 16L / bytes)).parts();
        long parts = Math.max(single, wide);
        return parts == 1 ? 0 : parts * outer * inner * bytes;
    }

    /// `y (outer, inner)`: sum of `x (outer, reduced, inner)` over its middle axis.
    ///
    /// @param bf16 whether x is bfloat16
    /// @param workspace address of `reduceSumWorkspace` bytes, aligned to 16; unused if that is 0
    List<Work> reduceSum(long x, boolean bf16, long y, long workspace, long outer, long reduced, long inner) {
        if (outer * inner == 0) {
            return List.of();
        }
        long pack = pack(inner, x, y, workspace);
        Tile tile = tile(outer, reduced, inner / pack);
        List<Work> launches = new ArrayList<>();
        launches.add(reduceOnce(x, bf16, tile.parts() == 1 ? y : workspace, outer, reduced, inner, pack, tile));
        if (tile.parts() > 1) {
            Tile last = tile(1, tile.parts(), outer * inner / pack);
            Tile once = new Tile(last.lanes(), last.walkers(), 1, tile.parts());
            launches.add(reduceOnce(workspace, false, y, 1, tile.parts(), outer * inner, pack, once));
        }
        return launches;
    }

    private Work reduceOnce(long x, boolean bf16, long y, long outer, long reduced, long inner, long pack, Tile tile) {
        long[] arguments = {x, y, outer, reduced, inner, tile.chunk(), pack > 1 ? 1 : 0, tile.lanes(), tile.walkers()};
        long blocks = tile.blocks(outer, inner / pack);
        String name = bf16 ? "reduce_sum_bf16" : typed("reduce_sum");
        return launch(name, blocks, tile.parts(), tile.sharedBytes(pack * bytes), arguments);
    }

    private static Tile tile(long outer, long reduced, long packs) {
        if (reduced <= 16 || (packs >= WARP && outer * packs >= ENOUGH_THREADS)) {
            return Tile.ONE_THREAD;
        }
        long lanes = Math.min(WARP, powerAbove(packs));
        long walkers = Math.min(BLOCK / lanes, powerBelow(reduced / 4));
        Tile whole = new Tile(lanes, walkers, 1, reduced);
        long blocks = whole.blocks(outer, packs);
        long parts = Math.min(MOST_PARTS, Math.min(ENOUGH_BLOCKS / Math.max(1, blocks), reduced / (walkers * 8)));
        if (parts <= 1) {
            return whole;
        }
        long chunk = ceil(reduced, parts);
        return new Tile(lanes, walkers, ceil(reduced, chunk), chunk);
    }

    /// Whether [#smallGemm] is for a product: not double, few tiles, a short sum.
    boolean isSmallGemm(boolean transposeA, long m, long n, long k, long batch) {
        return bytes == 4
                && !transposeA
                && batch == 1
                && k <= SMALL_GEMM_DEPTH
                && ceil(m, SMALL_GEMM_TILE) * ceil(n, SMALL_GEMM_TILE) <= SMALL_GEMM_TILES;
    }

    /// `c (m, n)`: `a (m, k) op(b)`, `op(b): (k, n)`, row-major; TF32 as FP32.
    List<Work> smallGemm(GemmFormat format, boolean transposeB, long a, long b, long c, long m, long n, long k) {
        boolean wide = pack(k, a, b) > 1 && (transposeB || n % 4 == 0);
        long[] arguments = {a, b, c, m, n, k, wide ? 1 : 0};
        String numbers = format.operandBytes() == 4 ? "f32" : format.resultBytes() == 4 ? "bf16_f32" : "bf16";
        DeviceRuntime.Kernel kernel =
                kernels.computeIfAbsent((transposeB ? "small_gemm_nt_" : "small_gemm_nn_") + numbers, module::kernel);
        int tiles = (int) (ceil(m, SMALL_GEMM_TILE) * ceil(n, SMALL_GEMM_TILE));
        return List.of(new Work.Launch(kernel, tiles, 1, SMALL_GEMM_THREADS, 0, MemorySegment.ofArray(arguments)));
    }

    /// `y (rows, 3, width)`: the parts of `x (rows, width)` as [org.iolaus.lower.Tf32Operands] orders them.
    List<Work> split(boolean other, long x, long y, long rows, long width) {
        if (rows * width == 0) {
            return List.of();
        }
        long pack = pack(width, x, y);
        long[] arguments = {x, y, rows, width, other ? 1 : 0, pack > 1 ? 1 : 0};
        return List.of(launch("split_f32", ceil(rows * width / pack, BLOCK), 1, 0, arguments));
    }

    /// Copies `rows` bands of `width` numbers, whose starts lie a pitch apart.
    List<Work> copy(long x, long y, long rows, long width, long sourcePitch, long destinationPitch) {
        if (rows * width == 0) {
            return List.of();
        }
        long pack = Math.min(pack(width, x, y), Math.min(pack(sourcePitch), pack(destinationPitch)));
        long[] arguments = {x, y, rows, width, sourcePitch, destinationPitch, pack > 1 ? 1 : 0};
        return List.of(launch(typed("copy"), ceil(rows * width / pack, BLOCK), 1, 0, arguments));
    }

    /// A kernel with threads for each element of its result.
    ///
    /// @param elements times the threads of each
    /// @param arguments all members of its parameter
    List<Work> perElement(String name, long elements, long... arguments) {
        return elements == 0 ? List.of() : List.of(launch(typed(name), ceil(elements, BLOCK), 1, 0, arguments));
    }

    /// The kernels of a pattern.
    ///
    /// @param columnsBf16 whether the features by column are bfloat16; likewise `rowsBf16`
    BilinearKernels bilinear(BilinearTerms terms, boolean columnsBf16, boolean rowsBf16) {
        return bilinear.computeIfAbsent(
                new BilinearVariant(terms, columnsBf16, rowsBf16),
                _ -> new BilinearKernels(device, terms, bytes, columnsBf16, rowsBf16));
    }

    /// The kernel of an activation on a grid.
    ///
    /// @param fast whether floats may take functions as precise as products in TF32
    /// @param bf16 bit k: input k is bfloat16; the bit behind those of the inputs: the result is
    GridKernel gridActivation(GridActivation op, boolean fast, int bf16) {
        return grids.computeIfAbsent(
                new GridVariant(op, fast, bf16), _ -> new GridKernel(device, op, bytes, fast, bf16));
    }

    private Work launch(String name, long gridX, long gridY, int sharedBytes, long[] arguments) {
        if (gridX * BLOCK > 1L << 31) {
            throw new DeviceException(name + ": want fewer than 2^31 elements, got " + gridX + " blocks of " + BLOCK);
        }
        DeviceRuntime.Kernel kernel = kernels.computeIfAbsent(name, module::kernel);
        MemorySegment packed = MemorySegment.ofArray(arguments);
        return new Work.Launch(kernel, (int) gridX, (int) gridY, BLOCK, sharedBytes, packed);
    }

    private String typed(String op) {
        return op + (bytes == 8 ? "_f64" : "_f32");
    }

    /// Numbers of one 16-byte access if the row length and all addresses allow it, else 1.
    private long pack(long length, long... addresses) {
        long pack = 16L / bytes;
        boolean aligned = length % pack == 0;
        for (long address : addresses) {
            aligned &= address % 16 == 0;
        }
        return aligned ? pack : 1;
    }

    private static long ceil(long n, long d) {
        return (n + d - 1) / d;
    }

    private static long powerAbove(long n) {
        return n <= 1 ? 1 : Long.highestOneBit(n - 1) * 2;
    }

    private static long powerBelow(long n) {
        return Math.max(1, Long.highestOneBit(n));
    }
}
