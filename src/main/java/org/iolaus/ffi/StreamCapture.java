package org.iolaus.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// What JCuda lacks of the driver's stream capture: reading and setting the nodes that the next one will depend on.
/// Functions return the driver's result, zero for success; streams and nodes are addresses.
public final class StreamCapture {
    private static final int SET_DEPENDENCIES = 1;

    private final MethodHandle getCaptureInfo;
    private final MethodHandle updateCaptureDependencies;

    private StreamCapture(NativeLibrary library) {
        getCaptureInfo = library.function(
                "cuStreamGetCaptureInfo_v2",
                FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS));
        updateCaptureDependencies = library.function(
                "cuStreamUpdateCaptureDependencies",
                FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT));
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
