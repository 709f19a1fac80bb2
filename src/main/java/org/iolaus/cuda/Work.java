package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.iolaus.lower.Dependencies.Range;

/// One piece of a device's work, as data. [DeviceRuntime#start] starts it; a [WorkQueue] starts lists of it or makes
/// graphs of them. Addresses are the device's.
public sealed interface Work {
    /// All memory.
    Range EVERYTHING = new Range(Long.MIN_VALUE, Long.MAX_VALUE);

    /// For people: the kernel, `gemm MxNxK`, `copy`, `fill`, `sum`, `input`.
    String name();

    /// Memory that it reads, as far as the work itself tells.
    List<Range> reads();

    /// Memory that it writes, as far as the work itself tells.
    List<Range> writes();

    /// What only one piece of work may use at a time, as ranges below all addresses.
    default List<Range> exclusive() {
        return List.of();
    }

    private static Range range(long address, long bytes) {
        return new Range(address, address + bytes);
    }

    /// A kernel with all that its launch takes. It does not tell what it touches: whoever makes it knows (see [Task]).
    ///
    /// @param arguments the bytes of the kernel's parameter, a structure
    record Launch(
            DeviceRuntime.Kernel kernel, int gridX, int gridY, int blockX, int sharedBytes, MemorySegment arguments)
            implements Work {
        @Override
        public String name() {
            return kernel.name();
        }

        @Override
        public String toString() {
            return "%s, %d x %d blocks of %d threads, %d bytes of shared memory"
                    .formatted(name(), gridX, gridY, blockX, sharedBytes);
        }

        @Override
        public List<Range> reads() {
            return List.of();
        }

        @Override
        public List<Range> writes() {
            return List.of(EVERYTHING);
        }
    }

    /// `c = op(a) op(b)`, row-major without gaps: `op(a): (m, k)`, `op(b): (k, n)`, `c: (m, n)`, `batch` of them one
    /// after another.
    ///
    /// @param lane the library's scratch memory: products of one lane do not run at the same time
    record Gemm(
            GemmFormat format,
            int lane,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            int batch,
            long a,
            long b,
            long c)
            implements Work {
        /// How many pieces of scratch memory there are.
        static final int LANES = 4;

        /// One product in lane 0, nothing transposed.
        public Gemm(GemmFormat format, int m, int n, int k, long a, long b, long c) {
            this(format, 0, false, false, m, n, k, 1, a, b, c);
        }

        Gemm inLane(int other) {
            return new Gemm(format, other, transposeA, transposeB, m, n, k, batch, a, b, c);
        }

        Gemm transposed(boolean ofA, boolean ofB) {
            return new Gemm(format, lane, ofA, ofB, m, n, k, batch, a, b, c);
        }

        Gemm batched(int count) {
            return new Gemm(format, lane, transposeA, transposeB, m, n, k, count, a, b, c);
        }

        @Override
        public String name() {
            return "gemm " + m + "x" + n + "x" + k + (batch == 1 ? "" : " times " + batch);
        }

        @Override
        public List<Range> reads() {
            long bytes = (long) batch * k * format.operandBytes();
            return List.of(range(a, m * bytes), range(b, n * bytes));
        }

        @Override
        public List<Range> writes() {
            return List.of(range(c, (long) batch * m * n * format.resultBytes()));
        }

        @Override
        public List<Range> exclusive() {
            return List.of(range(lane, 1));
        }
    }

    /// A copy within the device.
    record Copy(long destination, long source, long bytes) implements Work {
        @Override
        public String name() {
            return "copy";
        }

        @Override
        public List<Range> reads() {
            return List.of(range(source, bytes));
        }

        @Override
        public List<Range> writes() {
            return List.of(range(destination, bytes));
        }
    }

    /// Sets every byte to a value.
    record Fill(long address, int value, long bytes) implements Work {
        @Override
        public String name() {
            return "fill";
        }

        @Override
        public List<Range> reads() {
            return List.of();
        }

        @Override
        public List<Range> writes() {
            return List.of(range(address, bytes));
        }
    }

    /// Sums numbers over all ranks, in place. The sums of a list keep their order, which is the same on every rank.
    record Sum(Collective ranks, long address, long count, int bytesPerNumber) implements Work {
        @Override
        public String name() {
            return "sum";
        }

        @Override
        public List<Range> reads() {
            return List.of();
        }

        @Override
        public List<Range> writes() {
            return List.of(range(address, count * bytesPerNumber));
        }

        @Override
        public List<Range> exclusive() {
            return List.of(range(Gemm.LANES, 1));
        }
    }

    /// Sends the first bytes of a feed's slot, for all work that is started later.
    record Send(DeviceRuntime.Feed feed, long destination, long bytes) implements Work {
        @Override
        public String name() {
            return "input";
        }

        @Override
        public List<Range> reads() {
            return List.of();
        }

        @Override
        public List<Range> writes() {
            return List.of(range(destination, bytes));
        }
    }
}
