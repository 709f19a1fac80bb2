package org.iolaus.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/// What JCuda lacks of the driver's stream capture: reading and setting the nodes that the next one will depend on.
/// Functions return the driver's result, zero for success; streams and nodes are addresses.
public final class StreamCapture {
    private static final int SET_DEPENDENCIES = 1;
    private static final int KERNEL_NODE = 0;

    /// A `CUgraphEdgeData`, 8 bytes: from the port that opens when all blocks of a kernel let others come (its first
    /// byte), of the programmatic type (its third).
    private static final long EARLY = 0x010001L;

    private final MethodHandle getCaptureInfo;
    private final MethodHandle updateCaptureDependencies;
    private final MethodHandle nodeGetType;
    /// Sets kinds of edges too; null in drivers before CUDA 12.3.
    private final @Nullable MethodHandle updateCaptureEdges;

    private StreamCapture(NativeLibrary library) {
        getCaptureInfo = library.function(
                "cuStreamGetCaptureInfo_v2",
                FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
        updateCaptureDependencies = library.function(
                "cuStreamUpdateCaptureDependencies",
                FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT));
        nodeGetType = library.function("cuGraphNodeGetType", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
        updateCaptureEdges = library.functionIfThere(
                "cuStreamUpdateCaptureDependencies_v2",
                FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT));
    }

    /// Finds the functions in the driver.
    ///
    /// @throws LibraryException with the places searched
    public static StreamCapture load() {
        return new StreamCapture(NativeLibrary.cudaDriver());
    }

    /// A result, and the nodes that the next one would depend on.
    @SuppressWarnings("ArrayRecordComponent")
    public record Dependencies(int result, long[] nodes) {}

    /// The nodes that the next one would depend on.
    public Dependencies get(long stream) {
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment status = scope.allocate(JAVA_INT);
            MemorySegment nodes = scope.allocate(ADDRESS);
            MemorySegment count = scope.allocate(JAVA_LONG);
            int result = (int)
                    getCaptureInfo.invokeExact(stream, status, MemorySegment.NULL, MemorySegment.NULL, nodes, count);
            long n = result == 0 ? count.get(JAVA_LONG, 0) : 0;
            long[] found = n == 0
                    ? new long[0]
                    : nodes.get(ADDRESS, 0).reinterpret(n * Long.BYTES).toArray(JAVA_LONG);
            return new Dependencies(result, found);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Lets the next node, a kernel that waits by itself (`griddepcontrol.wait`), come while kernels that it depends on
    /// still run.
    public int comeEarly(long stream) {
        MethodHandle update = updateCaptureEdges;
        if (update == null) {
            return 0;
        }
        Dependencies last = get(stream);
        if (last.result != 0 || last.nodes.length == 0) {
            return last.result;
        }
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment type = scope.allocate(JAVA_INT);
            MemorySegment edges = scope.allocate(JAVA_LONG, last.nodes.length);
            for (int i = 0; i < last.nodes.length; i++) {
                int result = (int) nodeGetType.invokeExact(last.nodes[i], type);
                if (result != 0) {
                    return result;
                }
                edges.setAtIndex(JAVA_LONG, i, type.get(JAVA_INT, 0) == KERNEL_NODE ? EARLY : 0);
            }
            MemorySegment list = scope.allocateFrom(JAVA_LONG, last.nodes);
            return (int) update.invokeExact(stream, list, edges, (long) last.nodes.length, SET_DEPENDENCIES);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Makes the next node depend on these, and on nothing else.
    public int set(long stream, long[] nodes) {
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment list = nodes.length == 0 ? MemorySegment.NULL : scope.allocateFrom(JAVA_LONG, nodes);
            return (int) updateCaptureDependencies.invokeExact(stream, list, (long) nodes.length, SET_DEPENDENCIES);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }
}
