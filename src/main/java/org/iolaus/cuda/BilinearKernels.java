package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.iolaus.op.BilinearTerms;

/// The kernels of one pattern of a sparse bilinear map: `kernels/bilinear.cuh` with the pattern written
/// into the program.
///
/// Arguments that are named like arrays are device addresses.
final class BilinearKernels {
    private static final int BLOCK = 256;
    /// Threads that share one sum over channels, at most: a line of 128 bytes is 8 packs of 16.
    private static final long MOST_LANES = 8;

    private final BilinearTerms terms;
    /// Of a number of the features that are longer.
    private final int bytes;

    private final Arena memory;
    private final DeviceRuntime.Kernel product;
    private final DeviceRuntime.Kernel summed;
    private final DeviceRuntime.Kernel outer;

    /// @param bytes of one number: 8 or 4
    /// @param columnsNarrow whether `x` and `v` are bfloat16; `rowsNarrow`: whether `y` and `u` are
    /// @param memory holds the arguments of the launches
    BilinearKernels(
            DeviceRuntime device,
            BilinearTerms terms,
            int bytes,
            boolean columnsNarrow,
            boolean rowsNarrow,
            Arena memory) {
        this.terms = terms;
        this.bytes = columnsNarrow && rowsNarrow ? Short.BYTES : bytes;
        this.memory = memory;
        DeviceRuntime.Module module =
                device.compile("bilinear map of " + terms, source(terms, bytes, columnsNarrow, rowsNarrow));
        this.product = module.kernel("bilinear_product");
        this.summed = module.kernel("bilinear_summed");
        this.outer = module.kernel("bilinear_outer");
    }

    private static String source(BilinearTerms terms, int bytes, boolean columnsNarrow, boolean rowsNarrow) {
        StringBuilder text = new StringBuilder("#include \"bilinear.cuh\"\ntypedef ")
                .append(bytes == 8 ? "double" : "float")
                .append(" T;\n");
        text.append("typedef %s X;\n".formatted(columnsNarrow ? "iolaus_bf16" : "T"));
        text.append("typedef %s Y;\n".formatted(rowsNarrow ? "iolaus_bf16" : "T"));
        BilinearTerms.Table rows = terms.byRow();
        BilinearTerms.Table entries = terms.byEntry();
        tables(text, "row", rows.start(), rows.entry(), rows);
        tables(text, "entry", entries.start(), entries.row(), entries);
        String sizes = "T, X, Y, %d, %d, %d".formatted(terms.rows(), terms.entries(), terms.columns());
        kernel(text, "IOLAUS_KERNEL", "product", "row", sizes);
        kernel(text, "IOLAUS_KERNEL", "summed", "row", sizes + ", " + rows.longest());
        kernel(text, "IOLAUS_BLOCK_KERNEL", "outer", "entry", sizes);
        return text.toString();
    }

    private static void tables(StringBuilder text, String by, int[] start, int[] first, BilinearTerms.Table table) {
        String listed = IntStream.range(0, first.length)
                .mapToObj(t -> "{" + first[t] + "," + table.column()[t] + ",T(" + table.coefficient()[t] + ")}")
                .collect(Collectors.joining(","));
        text.append("static __device__ const int ").append(by).append("_start[] = {");
        text.append(Arrays.stream(start).mapToObj(Integer::toString).collect(Collectors.joining(",")));
        text.append("};\nstatic __device__ const bilinear_term<T> ").append(by).append("_terms[] = {");
        text.append(listed.isEmpty() ? "{0,0,T(0)}" : listed).append("};\n");
    }

    private static void kernel(StringBuilder text, String kind, String op, String by, String sizes) {
        text.append("typedef bilinear_%s_args<T, X, Y> %s_args;\n".formatted(op, op));
        text.append("%s(bilinear_%s, %s_args) { bilinear_%s<%s>(args, %s_start, %s_terms); }\n"
                .formatted(kind, op, op, op, sizes, by, by));
    }

    /// `y (items, rows, channels)` of `a (items, entries)` and `x (items, columns, channels)`, or of rows of
    /// `x (any, columns, channels)`.
    ///
    /// @param index int32 (items): the rows of x; 0 where they are the items
    List<Kernels.Launch> product(long a, long x, long index, long y, long items, long channels) {
        if (items * terms.rows() * channels == 0) {
            return List.of();
        }
        long pack = pack(channels, x, y);
        long perBlock = Math.max(1, BLOCK / (terms.rows() * channels / pack));
        return launch(product, ceil(items, perBlock), a, x, y, index, items, channels, perBlock, pack > 1 ? 1 : 0);
    }

    /// `y (items, rows, channels)`: sums by segment of the product of `a (entries, ...)` and `x (entries, columns,
    /// channels)`.
    ///
    /// @param start int32 (items + 1)
    /// @param order int32 (entries), or 0 where the entries are sorted by segment
    List<Kernels.Launch> summed(long a, long x, long start, long order, long y, long items, long channels) {
        if (items * terms.rows() * channels == 0) {
            return List.of();
        }
        long pack = pack(channels, x, y);
        long threads = items * terms.rows() * (channels / pack);
        return launch(summed, ceil(threads, BLOCK), a, x, y, start, order, items, channels, pack > 1 ? 1 : 0);
    }

    /// `z (items, entries)` of `u (items, rows, channels)` and `v (items, columns, channels)`.
    List<Kernels.Launch> outer(long u, long v, long z, long items, long channels) {
        if (items * terms.entries() == 0) {
            return List.of();
        }
        long pack = pack(channels, u, v);
        long lanes = Math.min(MOST_LANES, Long.highestOneBit(Math.max(1, channels / pack)));
        long perBlock = Math.max(1, BLOCK / (terms.entries() * lanes));
        return launch(outer, ceil(items, perBlock), u, v, z, items, channels, perBlock, pack > 1 ? 1 : 0, lanes);
    }

    private static long ceil(long n, long divisor) {
        return (n + divisor - 1) / divisor;
    }

    private List<Kernels.Launch> launch(DeviceRuntime.Kernel kernel, long grid, long... arguments) {
        if (grid * BLOCK > 1L << 31) {
            throw new DeviceException(
                    kernel.name() + ": want fewer than 2^31 threads, got " + grid + " blocks of " + BLOCK);
        }
        return List.of(new Kernels.Launch(
                kernel, (int) grid, 1, BLOCK, 0, memory.allocateFrom(ValueLayout.JAVA_LONG, arguments)));
    }

    /// Numbers of one 16-byte access if the row length and the addresses allow it, else 1.
    private long pack(long length, long one, long other) {
        long pack = 16L / bytes;
        return length % pack == 0 && one % 16 == 0 && other % 16 == 0 ? pack : 1;
    }
}
