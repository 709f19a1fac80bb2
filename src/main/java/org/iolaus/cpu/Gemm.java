package org.iolaus.cpu;

import dev.ludovic.netlib.blas.BLAS;
import dev.ludovic.netlib.blas.JavaBLAS;
import java.util.Arrays;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.iolaus.tensor.HostView;
import org.slf4j.LoggerFactory;

/// Matrix products: [VectorGemm] where the vector module is loaded and the sizes suit it, else netlib.
final class Gemm {
    private static final BLAS LIBRARY = load();

    /// The pure Java library; its search for native ones, and what it says of that, is switched off.
    private static BLAS load() {
        System.setProperty("dev.ludovic.netlib.blas.allowNative", "false");
        Logger quiet = Logger.getLogger("dev.ludovic.netlib.blas.InstanceBuilder");
        quiet.setLevel(Level.WARNING);
        BLAS library = JavaBLAS.getInstance();
        if (!library.getClass().getSimpleName().equals("VectorBLAS")) {
            LoggerFactory.getLogger(Gemm.class)
                    .warn(
                            "matrix products run without vector instructions ({}); start java with"
                                    + " --add-modules jdk.incubator.vector",
                            library.getClass().getSimpleName());
        }
        return library;
    }

    /// Products of fewer columns, or of fewer rows where `b` must be transposed first, go to the library.
    /// Whole sizes decide, so that bits do not depend on how rows are shared out.
    private static final int SMALLEST = 4;

    private static final boolean VECTORS =
            ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

    private static final ThreadLocal<double[]> SCRATCH = ThreadLocal.withInitial(() -> new double[0]);

    private Gemm() {}

    /// The transpose of `rows x columns` values, in this thread's scratch memory.
    private static double[] transposed(double[] values, int start, int rows, int columns) {
        double[] result = SCRATCH.get();
        if (result.length < rows * columns) {
            result = new double[rows * columns];
            SCRATCH.set(result);
        }
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                result[j * rows + i] = values[start + i * columns + j];
            }
        }
        return result;
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
            Arrays.fill(out.data(), firstOut, firstOut + (to - from) * n, 0);
            return;
        }
        if (VECTORS && n >= SMALLEST && (!transposeB || m >= SMALLEST)) {
            double[] rows = b.data();
            int firstB = b.offset() + bOffset;
            if (transposeB) {
                rows = transposed(rows, firstB, n, k);
                firstB = 0;
            }
            VectorGemm.run(
                    to - from,
                    n,
                    k,
                    a.data(),
                    firstA,
                    transposeA ? 1 : k,
                    transposeA ? m : 1,
                    rows,
                    firstB,
                    n,
                    out.data(),
                    firstOut,
                    n);
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
