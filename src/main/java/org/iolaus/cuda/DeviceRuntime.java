package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.List;
import org.iolaus.lower.Precision;

/// What the executor needs of a device: memory, kernels, matrix products, graphs. All work goes in order through one
/// stream; failures are [DeviceException]s.
public interface DeviceRuntime extends AutoCloseable {

    /// For people: `NVIDIA H100 80GB HBM3` or `emulated on the host`.
    String name();

    long totalBytes();

    long freeBytes();

    /// Memory of the device, aligned to at least 256 bytes.
    ///
    /// @return its address
    long allocate(long bytes);

    void free(long address);

    /// Host memory that transfers need not copy first; owned by the runtime, freed with it.
    MemorySegment allocateHost(long bytes);

    /// Starts a copy to the device; the source stays untouched until [#synchronize].
    void upload(long destination, MemorySegment source, long bytes);

    /// Copies from the device and waits for it.
    void download(MemorySegment destination, long source, long bytes);

    /// Starts a copy within the device.
    void copy(long destination, long source, long bytes);

    /// Starts to set every byte to a value.
    void fill(long address, int value, long bytes);

    /// A way into the device beside its work.
    ///
    /// @param bytes of the largest transfer
    Feed feed(long bytes);

    /// Slots of pinned memory from which transfers run beside the stream's work. The host fills one slot while others
    /// are under way.
    interface Feed extends AutoCloseable {
        /// The memory of the next slot; waits until what it held before is on the device.
        MemorySegment next();

        /// Sends the first bytes of that slot; they are at `destination` for all work that is started from now on, and
        /// not before the work that was started until now is done.
        void send(long destination, long bytes);

        @Override
        void close();
    }

    /// Starts `body`'s kernels and copies beside the stream: after what was started before, not before what comes
    /// next. Matrix products may not be among them.
    void beside(Runnable body);

    /// What is started from now on comes after all that was started beside the stream.
    void rejoin();

    /// The kernels that come with the program (`kernels/*.cu`).
    Module builtin();

    /// Compiles CUDA C++ source; equal sources are compiled once, also over runs (a cache on disk).
    ///
    /// @param name for messages
    Module compile(String name, String source);

    /// How many sources [#compile(String, List)] compiles at the same time.
    int compilesAtOnce();

    /// Compiles several sources.
    ///
    /// @return a module for each
    List<Module> compile(String name, List<String> sources);

    /// Compiled kernels.
    interface Module {
        /// The kernel of a name.
        Kernel kernel(String name);
    }

    /// A kernel of one parameter: a structure passed by value.
    interface Kernel {
        String name();
    }

    /// Starts a kernel.
    ///
    /// @param arguments the bytes of its parameter
    void launch(Kernel kernel, int gridX, int gridY, int blockX, int sharedBytes, MemorySegment arguments);

    /// Pieces of scratch memory for matrix products.
    int GEMM_LANES = 4;

    /// Number format of matrix products.
    enum Gemm {
        FP64(8, 8),
        FP32(4, 4),
        /// float in memory, products in TF32
        TF32(4, 4),
        /// the same, added to what is in the result's memory
        TF32_ADDED(4, 4),
        /// all in bfloat16 in memory, sums in float
        BF16(2, 2),
        /// factors in bfloat16 in memory, sums and results in float
        BF16_FP32(2, 4);

        private final int operandBytes;
        private final int resultBytes;

        Gemm(int operandBytes, int resultBytes) {
            this.operandBytes = operandBytes;
            this.resultBytes = resultBytes;
        }

        /// Of large matrix products.
        public static Gemm ofLarge(Precision precision) {
            return switch (precision) {
                case FP64 -> FP64;
                case FP32 -> FP32;
                case TF32X3, TF32 -> TF32;
                case BF16 -> BF16;
            };
        }

        /// Of products whose factors are stored in full.
        static Gemm of(Precision precision) {
            return switch (precision) {
                case FP64 -> FP64;
                case FP32, TF32X3 -> FP32;
                case TF32, BF16 -> TF32;
            };
        }

        /// Bytes of a number of a factor.
        public int operandBytes() {
            return operandBytes;
        }

        /// Bytes of a number of the result.
        public int resultBytes() {
            return resultBytes;
        }
    }

    /// Starts `c = op(a) op(b)`, row-major without gaps: `op(a): (m, k)`, `op(b): (k, n)`, `c: (m, n)`, `batch` of
    /// them one after another.
    ///
    /// @param lane scratch memory in use, `0 .. GEMM_LANES - 1`: products of one lane must not run at the same time
    void gemm(
            int lane,
            Gemm format,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            int batch,
            long a,
            long b,
            long c);

    /// The same, in lane 0.
    default void gemm(
            Gemm format,
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            int batch,
            long a,
            long b,
            long c) {
        gemm(0, format, transposeA, transposeB, m, n, k, batch, a, b, c);
    }

    /// Records what `body` starts instead of running it.
    Graph capture(Runnable body);

    /// A place in what is being recorded.
    interface Mark {}

    /// What was recorded last. Outside of [#capture] it means nothing.
    Mark mark();

    /// What is recorded next waits for these places, and for nothing else; without a call of this it waits for what was
    /// recorded before it. Outside of [#capture] it does nothing: all work is in order then.
    void after(Collection<Mark> marks);

    /// Says which step of its schedule a program starts next, -1 for none; only a measurement cares.
    default void at(int step) {}

    /// Recorded work.
    interface Graph extends AutoCloseable {
        /// Starts it.
        void launch();

        @Override
        void close();
    }

    /// Waits for all work.
    ///
    /// @throws DeviceException for what went wrong in it
    void synchronize();

    /// A point in the stream, for timing.
    interface Event {
        /// Milliseconds since an earlier event; waits for both.
        double millisecondsSince(Event earlier);

        /// Whether the work up to this point is done.
        ///
        /// @throws DeviceException for what went wrong in it
        boolean reached();
    }

    Event record();

    @Override
    void close();
}
