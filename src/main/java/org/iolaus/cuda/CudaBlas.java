package org.iolaus.cuda;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.iolaus.ffi.CuBlas;

/// Row-major matrix products by cuBLAS, which is column-major: it is asked for `transpose(c) = transpose(op(b))
/// transpose(op(a))`, where a transposed row-major matrix is a column-major one.
final class CudaBlas {
    /// What NVIDIA recommends for Hopper; the same for all, so that results do not depend on it.
    static final long WORKSPACE_BYTES = 32L << 20;

    private final CuBlas blas;
    /// One for each lane.
    private final long[] handles = new long[Work.Gemm.LANES];
    private final MemorySegment one = Arena.global().allocate(JAVA_DOUBLE);
    private final MemorySegment zero = Arena.global().allocate(JAVA_DOUBLE);
    private final MemorySegment oneFloat = Arena.global().allocate(JAVA_FLOAT);

    /// @param workspace address of [#WORKSPACE_BYTES] of the device for each lane: the library then allocates
    /// nothing while a graph is recorded
    CudaBlas(CuBlas blas, long stream, long workspace) {
        this.blas = blas;
        one.set(JAVA_DOUBLE, 0, 1);
        oneFloat.set(JAVA_FLOAT, 0, 1);
        for (int lane = 0; lane < handles.length; lane++) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment holder = arena.allocate(JAVA_LONG);
                check("cublasCreate", blas.create(holder));
                handles[lane] = holder.get(JAVA_LONG, 0);
            }
            long handle = handles[lane];
            check("cublasSetStream", blas.setStream(handle, stream));
            check("cublasSetWorkspace", blas.setWorkspace(handle, workspace + lane * WORKSPACE_BYTES, WORKSPACE_BYTES));
            check("cublasSetMathMode", blas.setMathMode(handle, CuBlas.DISALLOW_REDUCED_PRECISION_REDUCTION));
        }
    }

    String version() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment version = arena.allocate(JAVA_INT);
            check("cublasGetVersion", blas.getVersion(handles[0], version));
            int number = version.get(JAVA_INT, 0);
            return number / 10000 + "." + number / 100 % 100;
        }
    }

    /// Starts a product; no size is zero.
    void start(Work.Gemm gemm) {
        GemmFormat format = gemm.format();
        int m = gemm.m();
        int n = gemm.n();
        int k = gemm.k();
        long handle = handles[gemm.lane()];
        int type = type(format.operandBytes());
        int typeC = type(format.resultBytes());
        int compute = switch (format) {
            case FP64 -> CuBlas.COMPUTE_64F;
            case FP32, BF16, BF16_FP32 -> CuBlas.COMPUTE_32F;
            case TF32, TF32_ADDED -> CuBlas.COMPUTE_32F_FAST_TF32;
        };
        MemorySegment alpha = format == GemmFormat.FP64 ? one : oneFloat;
        MemorySegment beta = format == GemmFormat.TF32_ADDED ? oneFloat : zero;
        int opA = gemm.transposeA() ? CuBlas.OP_T : CuBlas.OP_N;
        int opB = gemm.transposeB() ? CuBlas.OP_T : CuBlas.OP_N;
        int leadingA = gemm.transposeA() ? m : k;
        int leadingB = gemm.transposeB() ? k : n;
        int status = gemm.batch() == 1
                ? blas.gemmEx(
                        handle,
                        opB,
                        opA,
                        n,
                        m,
                        k,
                        alpha,
                        gemm.b(),
                        type,
                        leadingB,
                        gemm.a(),
                        type,
                        leadingA,
                        beta,
                        gemm.c(),
                        typeC,
                        n,
                        compute,
                        CuBlas.GEMM_DEFAULT)
                : blas.gemmStridedBatchedEx(
                        handle,
                        opB,
                        opA,
                        n,
                        m,
                        k,
                        alpha,
                        gemm.b(),
                        type,
                        leadingB,
                        (long) k * n,
                        gemm.a(),
                        type,
                        leadingA,
                        (long) m * k,
                        beta,
                        gemm.c(),
                        typeC,
                        n,
                        (long) m * n,
                        gemm.batch(),
                        compute,
                        CuBlas.GEMM_DEFAULT);
        if (status != 0) {
            throw failure(gemm.toString(), status);
        }
    }

    /// Element type of numbers of that length.
    private static int type(int bytes) {
        return switch (bytes) {
            case 8 -> CuBlas.R_64F;
            case 4 -> CuBlas.R_32F;
            default -> CuBlas.R_16BF;
        };
    }

    void close() {
        for (long handle : handles) {
            blas.destroy(handle);
        }
    }

    private void check(String call, int status) {
        if (status != 0) {
            throw failure(call, status);
        }
    }

    private DeviceException failure(String call, int status) {
        return new DeviceException(
                "cublas (" + blas.where() + "), " + call + ": " + blas.getStatusString(status) + " (" + status + ")");
    }
}
