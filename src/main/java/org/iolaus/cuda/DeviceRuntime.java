package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.util.List;

/// What the executor needs of a device: memory, kernels, matrix products, graphs. All work goes in order through one
/// stream; failures are [DeviceException]s.
public interface DeviceRuntime extends AutoCloseable {

    /// For people: `NVIDIA H100 80GB HBM3` or `emulated on the host`.
    String name();

    long totalBytes();

    long freeBytes();

    /// Memory of the device, aligned to at least 256 bytes.
    ///
    /// @param what it is for: messages and predictions name it
    /// @return its address
    long allocate(long bytes, String what);

    /// The same for no purpose that has a name.
    default long allocate(long bytes) {
        return allocate(bytes, "other");
    }

    void free(long address);

    /// Host memory that transfers need not copy first; freed with the runtime if not before.
    MemorySegment allocateHost(long bytes);

    /// Frees memory of [#allocateHost]; no transfer may be using it.
    void freeHost(MemorySegment memory);

    /// Starts a copy to the device; the source stays untouched until [#synchronize].
    void upload(long destination, MemorySegment source, long bytes);

    /// Copies from the device and waits for it.
    void download(MemorySegment destination, long source, long bytes);

    /// Starts a copy within the device.
    default void copy(long destination, long source, long bytes) {
        start(new Work.Copy(destination, source, bytes));
    }

    /// Starts to set every byte to a value.
    default void fill(long address, int value, long bytes) {
        start(new Work.Fill(address, value, bytes));
    }

    /// A way into the device beside its work; takes device memory for [Feed#SLOTS] transfers.
    ///
    /// @param bytes of the largest transfer
    Feed feed(long bytes);

    /// Slots of pinned memory from which transfers run beside the stream's work. The host fills one slot while others
    /// are under way.
    interface Feed extends AutoCloseable {
        int SLOTS = 3;

        /// The memory of the next slot; waits until what it held before is on the device.
        MemorySegment next();

        /// Sends the first bytes of that slot; they are at `destination` for all work that is started from now on, and
        /// not before the work that was started until now is done.
        void send(long destination, long bytes);

        @Override
        void close();
    }

    /// The kernels that come with the program (`kernels/*.cu`).
    Module builtin();

    /// CUDA C++.
    ///
    /// @param name for messages
    record Source(String name, String text) {}

    /// How many sources [#compile(List)] compiles at the same time.
    int compilesAtOnce();

    /// Compiles sources. Equal texts are compiled once, also over runs and ranks (a cache on disk).
    ///
    /// @return a module for each
    List<Module> compile(List<Source> sources);

    /// Compiles a source.
    default Module compile(String name, String text) {
        return compile(List.of(new Source(name, text))).getFirst();
    }

    /// Compiled kernels.
    interface Module {
        /// The kernel of a name.
        Kernel kernel(String name);
    }

    /// A kernel of one parameter: a structure passed by value.
    interface Kernel {
        String name();
    }

    /// Starts work after all that was started before.
    void start(Work work);

    /// Records work, each piece of which waits for some before it; the rest may run beside each other. All of it
    /// should have been started once before, so that nothing is loaded lazily while it is recorded.
    ///
    /// @param after for each piece the numbers of those that it waits for
    Graph graph(List<Work> work, List<List<Integer>> after);

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
