package org.iolaus.ffi;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;

/// cuBLAS, versions 12 and 13: matrix products, column-major. Functions return its status, zero for success; handles,
/// streams and device memory are addresses.
public final class CuBlas {
    /// Operand as it is.
    public static final int OP_N = 0;
    /// Operand transposed.
    public static final int OP_T = 1;
    /// Element type float.
    public static final int R_32F = 0;
    /// Element type double.
    public static final int R_64F = 1;
    /// Element type bfloat16.
    public static final int R_16BF = 14;
    /// Products and sums in float; alpha and beta are floats.
    public static final int COMPUTE_32F = 68;
    /// Products and sums in double; alpha and beta are doubles.
    public static final int COMPUTE_64F = 70;
    /// Floats, products of operands rounded to TF32.
    public static final int COMPUTE_32F_FAST_TF32 = 77;
    /// Math mode: nothing less precise than the compute type says, partial sums included.
    public static final int DISALLOW_REDUCED_PRECISION_REDUCTION = 16;
    /// Algorithm: the library chooses.
    public static final int GEMM_DEFAULT = -1;

    private final NativeLibrary library;
    private final MethodHandle create;
    private final MethodHandle destroy;
    private final MethodHandle getVersion;
    private final MethodHandle setStream;
    private final MethodHandle setWorkspace;
    private final MethodHandle setMathMode;
    private final MethodHandle gemmEx;
    private final MethodHandle gemmStridedBatchedEx;
    private final MethodHandle getStatusString;

    private CuBlas(NativeLibrary library) {
        this.library = library;
        create = library.function("cublasCreate_v2", FunctionDescriptor.of(JAVA_INT, ADDRESS));
        destroy = library.function("cublasDestroy_v2", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
        getVersion = library.function("cublasGetVersion_v2", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS));
        setStream = library.function("cublasSetStream_v2", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
        setWorkspace = library.function(
                "cublasSetWorkspace_v2", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
        setMathMode = library.function("cublasSetMathMode", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT));
        gemmEx = library.function(
                "cublasGemmEx",
                FunctionDescriptor.of(
                        JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG,
                        JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT,
                        JAVA_INT, JAVA_INT));
        gemmStridedBatchedEx = library.function(
                "cublasGemmStridedBatchedEx",
                FunctionDescriptor.of(
                        JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG,
                        JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS, JAVA_LONG,
                        JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT));
        getStatusString = library.function("cublasGetStatusString", FunctionDescriptor.of(ADDRESS, JAVA_INT));
    }

    /// Finds the library.
    ///
    /// @throws LibraryException with the places searched
    public static CuBlas load() {
        return new CuBlas(NativeLibrary.open(
                "cuBLAS", List.of("libcublas.so.13", "libcublas.so.12", "libcublas.so"), List.of("libcublasLt.so.")));
    }

    /// The file, as it was found.
    public String where() {
        return library.where();
    }

    /// Makes a handle.
    ///
    /// @param handle where the new handle goes, 8 bytes
    public int create(MemorySegment handle) {
        return NativeLibrary.call(() -> (int) create.invokeExact(handle));
    }

    /// Frees a handle.
    public int destroy(long handle) {
        return NativeLibrary.call(() -> (int) destroy.invokeExact(handle));
    }

    /// Asks for the version.
    ///
    /// @param version where the version goes, 4 bytes; 130100 is 13.1
    public int getVersion(long handle, MemorySegment version) {
        return NativeLibrary.call(() -> (int) getVersion.invokeExact(handle, version));
    }

    /// Chooses the stream; this takes a workspace given before away again.
    public int setStream(long handle, long stream) {
        return NativeLibrary.call(() -> (int) setStream.invokeExact(handle, stream));
    }

    /// Device memory for the library to use, aligned to 256 bytes.
    public int setWorkspace(long handle, long workspace, long bytes) {
        return NativeLibrary.call(() -> (int) setWorkspace.invokeExact(handle, workspace, bytes));
    }

    /// Chooses the math mode.
    public int setMathMode(long handle, int mode) {
        return NativeLibrary.call(() -> (int) setMathMode.invokeExact(handle, mode));
    }

    /// `c = alpha op(a) op(b) + beta c`, `op(a): (m, k)`, `op(b): (k, n)`; alpha and beta in host memory.
    public int gemmEx(
            long handle,
            int opA,
            int opB,
            int m,
            int n,
            int k,
            MemorySegment alpha,
            long a,
            int typeA,
            int lda,
            long b,
            int typeB,
            int ldb,
            MemorySegment beta,
            long c,
            int typeC,
            int ldc,
            int compute,
            int algorithm) {
        return NativeLibrary.call(() -> (int) gemmEx.invokeExact(
                handle, opA, opB, m, n, k, alpha, a, typeA, lda, b, typeB, ldb, beta, c, typeC, ldc, compute,
                algorithm));
    }

    /// A batch of products whose operands lie `stride` elements apart.
    public int gemmStridedBatchedEx(
            long handle,
            int opA,
            int opB,
            int m,
            int n,
            int k,
            MemorySegment alpha,
            long a,
            int typeA,
            int lda,
            long strideA,
            long b,
            int typeB,
            int ldb,
            long strideB,
            MemorySegment beta,
            long c,
            int typeC,
            int ldc,
            long strideC,
            int batch,
            int compute,
            int algorithm) {
        return NativeLibrary.call(() -> (int) gemmStridedBatchedEx.invokeExact(
                handle, opA, opB, m, n, k, alpha, a, typeA, lda, strideA, b, typeB, ldb, strideB, beta, c, typeC, ldc,
                strideC, batch, compute, algorithm));
    }

    /// What a status means.
    public String getStatusString(int status) {
        try {
            return NativeLibrary.text((MemorySegment) getStatusString.invokeExact(status));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }
}
