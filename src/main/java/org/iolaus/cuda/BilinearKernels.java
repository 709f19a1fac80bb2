package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.iolaus.op.BilinearTerms;

/// The kernels of one pattern of a sparse bilinear map: `kernels/bilinear.cuh` with the pattern written
/// into the program. Each is compiled at its first use.
///
/// Arguments that are named like arrays are device addresses.
final class BilinearKernels {
    private static final int BLOCK = 256;
    /// Threads that share one sum over channels, at most: a line of 128 bytes is 8 packs of 16.
    private static final long MOST_LANES = 8;

    private final DeviceRuntime device;
    private final BilinearTerms terms;
    private final BilinearParts parts;
    private final int bytes;
    private final boolean columnsBf16;
    private final boolean rowsBf16;
    private final Map<Use, DeviceRuntime.Kernel> kernels = new HashMap<>();

    /// What a kernel is for, threads of a block, and blocks for which the registers of a processor should do.
    enum Operation {
        PRODUCT("bilinear_product", 128, 6),
        SUMMED("bilinear_summed", 64, 9),
        OUTER("bilinear_outer", BLOCK, 1);

        final String kernel;
        final int threads;
        final int blocks;

        Operation(String kernel, int threads, int blocks) {
            this.kernel = kernel;
            this.threads = threads;
            this.blocks = blocks;
        }
    }

    /// A kernel.
    ///
    /// @param pack channels of one access
    private record Use(Operation operation, long channels, int pack) {}

    /// @param bytes of one number: 8 or 4
    /// @param columnsBf16 whether `x` and `v` are bfloat16; `rowsBf16`: whether `y` and `u` are
    BilinearKernels(DeviceRuntime device, BilinearTerms terms, int bytes, boolean columnsBf16, boolean rowsBf16) {
        this.device = device;
        this.terms = terms;
        this.parts = BilinearParts.of(terms);
        this.bytes = bytes;
        this.columnsBf16 = columnsBf16;
        this.rowsBf16 = rowsBf16;
    }

    private DeviceRuntime.Kernel kernel(Use wanted) {
        return kernels.computeIfAbsent(
                wanted, use -> device.compile(List.of(source(use))).getFirst().kernel(use.operation.kernel));
    }

    /// The kernel for arrays that begin at multiples of 16 bytes, to be compiled ahead.
    DeviceRuntime.Source source(Operation operation, long channels) {
        return source(new Use(operation, channels, channels % mostPacked(operation) == 0 ? mostPacked(operation) : 1));
    }

    private DeviceRuntime.Source source(Use use) {
        return new DeviceRuntime.Source("bilinear map of " + terms, text(use));
    }

    /// Channels of one access at most.
    private int mostPacked(Operation operation) {
        return 16 / (operation == Operation.OUTER && columnsBf16 && rowsBf16 ? Short.BYTES : bytes);
    }

    private String text(Use use) {
        boolean outer = use.operation == Operation.OUTER;
        StringBuilder text = new StringBuilder("#include \"bilinear.cuh\"\n");
        text.append(outer ? table() : parts.text());
        text.append("struct pattern {\n");
        text.append("    typedef %s T;\n".formatted(bytes == 8 ? "double" : "float"));
        text.append("    typedef %s X;\n".formatted(columnsBf16 ? "iolaus_bf16" : "T"));
        text.append("    typedef %s Y;\n".formatted(rowsBf16 ? "iolaus_bf16" : "T"));
        text.append("    enum { V = %d, PACKS = %d, ROWS = %d, ENTRIES = %d, COLUMNS = %d, PARTS = %d };\n"
                .formatted(
                        use.pack,
                        use.channels / use.pack,
                        terms.rows(),
                        terms.entries(),
                        terms.columns(),
                        parts.parts().size()));
        if (!outer) {
            text.append("    template <int K>\n    using part = ::part<K>;\n");
        }
        text.append("};\ntypedef %s_args<pattern::T, pattern::X, pattern::Y> bilinear_arguments;\n"
                .formatted(use.operation.kernel));
        text.append("IOLAUS_BOUNDS(%s, bilinear_arguments, %d, %d)\n"
                .formatted(use.operation.kernel, use.operation.threads, use.operation.blocks));
        text.append("%s(%s, bilinear_arguments) { %s<pattern>(args%s); }\n"
                .formatted(
                        outer ? "IOLAUS_BLOCK_KERNEL" : "IOLAUS_KERNEL",
                        use.operation.kernel,
                        use.operation.kernel,
                        outer ? ", entry_start, entry_terms" : ""));
        return text.toString();
    }

    /// The terms of each entry.
    private String table() {
        BilinearTerms.Table table = terms.byEntry();
        String number = bytes == 8 ? "double" : "float";
        String listed = IntStream.range(0, terms.size())
                .mapToObj(t -> "{" + table.row()[t] + "," + table.column()[t] + "," + number + "("
                        + table.coefficient()[t] + ")}")
                .collect(Collectors.joining(","));
        return "static __device__ const int entry_start[] = {"
                + Arrays.stream(table.start()).mapToObj(Integer::toString).collect(Collectors.joining(","))
                + "};\nstatic __device__ const bilinear_term<" + number + "> entry_terms[] = {"
                + (listed.isEmpty() ? "{0,0,0}" : listed) + "};\n";
    }

    /// `y (items, rows, channels)` of `a (items, entries)` and `x (items, columns, channels)`, or of rows of
    /// `x (any, columns, channels)`.
    ///
    /// @param index int32 (items): the rows of x; 0 where they are the items
    List<Work> product(long a, long x, long index, long y, long items, long channels) {
        Use use = use(Operation.PRODUCT, channels, x, y);
        return inParts(use, items, a, x, y, index, items);
    }

    /// `y (items, rows, channels)`: sums by segment of the product of `a (entries, ...)` and `x (entries,
    /// columns, channels)`.
    ///
    /// @param start int32 (items + 1)
    /// @param order int32 (entries), or 0 where the entries are sorted by segment
    List<Work> summed(long a, long x, long start, long order, long y, long items, long channels) {
        Use use = use(Operation.SUMMED, channels, x, y);
        return inParts(use, items, a, x, y, start, order, items);
    }

    private List<Work> inParts(Use use, long items, long... arguments) {
        if (items * terms.rows() * use.channels == 0) {
            return List.of();
        }
        long blocks = Math.ceilDiv(items * (use.channels / use.pack), use.operation.threads);
        return launch(use, blocks * parts.parts().size(), arguments);
    }

    /// `z (items, entries)` of `u (items, rows, channels)` and `v (items, columns, channels)`.
    List<Work> outer(long u, long v, long z, long items, long channels) {
        if (items * terms.entries() == 0) {
            return List.of();
        }
        Use use = use(Operation.OUTER, channels, u, v);
        long lanes = Math.min(MOST_LANES, Long.highestOneBit(Math.max(1, channels / use.pack)));
        long perBlock = Math.max(1, BLOCK / (terms.entries() * lanes));
        return launch(use, Math.ceilDiv(items, perBlock), u, v, z, items, perBlock, lanes);
    }

    private List<Work> launch(Use use, long grid, long... arguments) {
        int threads = use.operation.threads;
        if (grid * threads > 1L << 31) {
            throw new DeviceException(
                    use.operation.kernel + ": want fewer than 2^31 threads, got " + grid + " blocks of " + threads);
        }
        return List.of(new Work.Launch(kernel(use), (int) grid, 1, threads, 0, MemorySegment.ofArray(arguments)));
    }

    /// As many numbers for one access as the row length and the addresses allow.
    private Use use(Operation operation, long channels, long one, long other) {
        int most = mostPacked(operation);
        return new Use(operation, channels, channels % most == 0 && one % 16 == 0 && other % 16 == 0 ? most : 1);
    }
}
