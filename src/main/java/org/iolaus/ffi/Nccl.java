package org.iolaus.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// NCCL 2: collectives between GPUs. Functions return its result, zero for success; communicators, streams and
/// device memory are addresses.
public final class Nccl {
    /// Size of the id by which ranks find each other.
    public static final int UNIQUE_ID_BYTES = 128;
    /// Element type float.
    public static final int FLOAT = 7;
    /// Element type double.
    public static final int DOUBLE = 8;
    /// Reduction.
    public static final int SUM = 0;
    /// Result of an operation that has not ended yet.
    public static final int IN_PROGRESS = 7;

    private static final MemoryLayout UNIQUE_ID =
            MemoryLayout.structLayout(MemoryLayout.sequenceLayout(UNIQUE_ID_BYTES, JAVA_BYTE));

    private final NativeLibrary library;
    private final MethodHandle getVersion;
    private final MethodHandle getUniqueId;
    private final MethodHandle commInitRank;
    private final @Nullable MethodHandle commSplit;
    private final MethodHandle allReduce;
    private final MethodHandle commGetAsyncError;
    private final MethodHandle commDestroy;
    private final MethodHandle commAbort;
    private final MethodHandle getErrorString;
    private final MethodHandle getLastError;

    private Nccl(NativeLibrary library) {
        this.library = library;
        getVersion = library.function("ncclGetVersion", FunctionDescriptor.of(JAVA_INT, ADDRESS));
        getUniqueId = library.function("ncclGetUniqueId", FunctionDescriptor.of(JAVA_INT, ADDRESS));
        commInitRank = library.function(
                "ncclCommInitRank", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, UNIQUE_ID, JAVA_INT));
        commSplit = library.functionIfThere(
                "ncclCommSplit", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
        allReduce = library.function(
                "ncclAllReduce",
                FunctionDescriptor.of(
                        JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG));
        commGetAsyncError =
                library.function("ncclCommGetAsyncError", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
        commDestroy = library.function("ncclCommDestroy", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
        commAbort = library.function("ncclCommAbort", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
        getErrorString = library.function("ncclGetErrorString", FunctionDescriptor.of(ADDRESS, JAVA_INT));
        getLastError = library.function("ncclGetLastError", FunctionDescriptor.of(ADDRESS, JAVA_LONG));
    }

    /// Finds the library.
    ///
    /// @param environment that says where to search, usually the process's
    /// @throws LibraryException with the places searched
    public static Nccl load(Map<String, String> environment) {
        return new Nccl(NativeLibrary.open("NCCL", List.of("libnccl.so.2", "libnccl.so"), List.of(), environment));
    }

    /// The file, as it was found.
    public String where() {
        return library.where();
    }

    /// Asks for the version.
    ///
    /// @param version where the version goes, 4 bytes; 22803 is 2.28.3
    public int getVersion(MemorySegment version) {
        return NativeLibrary.call(() -> (int) getVersion.invokeExact(version));
    }

    /// Makes an id by which ranks find each other.
    ///
    /// @param id where the new id goes, 128 bytes
    public int getUniqueId(MemorySegment id) {
        return NativeLibrary.call(() -> (int) getUniqueId.invokeExact(id));
    }

    /// Joins; returns when all ranks have. The device is the one of the current context.
    ///
    /// @param communicator where the new one goes, 8 bytes
    /// @param id 128 bytes, the same on all ranks
    public int commInitRank(MemorySegment communicator, int ranks, MemorySegment id, int rank) {
        return NativeLibrary.call(() -> (int) commInitRank.invokeExact(communicator, ranks, id, rank));
    }

    /// Whether there is [#commSplit]: NCCL has it since 2.18.
    public boolean canSplit() {
        return commSplit != null;
    }

    /// Makes a communicator of the ranks that give the same color, ordered by key, then by rank; returns when
    /// all ranks of the old one have called it.
    ///
    /// @param made where the new one goes, 8 bytes
    public int commSplit(long communicator, int color, int key, MemorySegment made) {
        try {
            return (int)
                    Objects.requireNonNull(commSplit).invokeExact(communicator, color, key, made, MemorySegment.NULL);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Starts an all-reduce; in place when both addresses are equal.
    public int allReduce(long send, long receive, long count, int type, int operation, long communicator, long stream) {
        return NativeLibrary.call(
                () -> (int) allReduce.invokeExact(send, receive, count, type, operation, communicator, stream));
    }

    /// Asks how what was started goes.
    ///
    /// @param result where the result of what runs goes, 4 bytes
    public int commGetAsyncError(long communicator, MemorySegment result) {
        return NativeLibrary.call(() -> (int) commGetAsyncError.invokeExact(communicator, result));
    }

    /// Waits for what runs, then frees.
    public int commDestroy(long communicator) {
        return NativeLibrary.call(() -> (int) commDestroy.invokeExact(communicator));
    }

    /// Ends what runs, then frees.
    public int commAbort(long communicator) {
        return NativeLibrary.call(() -> (int) commAbort.invokeExact(communicator));
    }

    /// What a result means.
    public String getErrorString(int result) {
        try {
            return NativeLibrary.text((MemorySegment) getErrorString.invokeExact(result));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// What the library last complained of; the communicator may be 0.
    public String getLastError(long communicator) {
        try {
            return NativeLibrary.text((MemorySegment) getLastError.invokeExact(communicator));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }
}
