package org.iolaus.cpu;

import dev.ludovic.netlib.blas.BLAS;
import dev.ludovic.netlib.blas.JavaBLAS;
import org.iolaus.tensor.HostView;

/// Matrix products through netlib; its `VectorBLAS` is picked where the vector module is loaded.
final class Gemm {
    private static final BLAS LIBRARY = JavaBLAS.getInstance();

    private Gemm() {}

    static String library() {
        return LIBRARY.getClass().getSimpleName();
    }

    /// Rows `from <= i < to` of `out = op(a) op(b)`, all row-major; `offset`s select one matrix of a batch.
    static void rows(
            boolean transposeA,
            boolean transposeB,
            int m,
            int n,
            int k,
            HostView a,
            int aOffset,
            HostView b,
            int bOffset,
            HostView out,
            int outOffset,
            int from,
            int to) {
        if (from >= to || n == 0) {
            return;
        }
        int firstA = a.offset() + aOffset + (transposeA ? from : from * k);
        int firstOut = out.offset() + outOffset + from * n;
        if (k == 0) {
            java.util.Arrays.fill(out.data(), firstOut, firstOut + (to - from) * n, 0);
            return;
        }
        // column-major BLAS computes the transposed product: out^T = op(b)^T op(a)^T
        LIBRARY.dgemm(
                transposeB ? "T" : "N",
                transposeA ? "T" : "N",
                n,
                to - from,
                k,
                1,
                b.data(),
                b.offset() + bOffset,
                transposeB ? k : n,
                a.data(),
                firstA,
                transposeA ? m : k,
                0,
                out.data(),
                firstOut,
                n);
    }
}
