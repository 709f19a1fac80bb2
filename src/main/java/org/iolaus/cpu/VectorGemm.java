package org.iolaus.cpu;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/// `c = a b` in vector registers: tiles of 4 rows by 2 vectors stay in registers while the inner axis runs. Each
/// element is summed in order of the inner axis, whatever the tile, so results do not depend on how rows
/// are shared out.
///
/// `b` and `c` are row-major; `a` may have any two strides, so that its transpose needs no copy.
final class VectorGemm {
    private static final VectorSpecies<Double> SPECIES = DoubleVector.SPECIES_PREFERRED;
    private static final int LANES = SPECIES.length();

    /// One product.
    ///
    /// @param k length of the inner axis
    /// @param rowStride of `a` from row to row; `innerStride` along the inner axis
    /// @param ldb elements from row to row of `b`; `ldc` of `c`
    @SuppressWarnings("ArrayRecordComponent")
    private record Operands(
            double[] a, int k, int rowStride, int innerStride, double[] b, int ldb, double[] c, int ldc) {}

    private VectorGemm() {}

    /// Computes `m` rows of `n` columns; the arguments beside are as in [Operands], the offsets those of the
    /// first elements.
    static void run(
            int m,
            int n,
            int k,
            double[] a,
            int aOffset,
            int rowStride,
            int innerStride,
            double[] b,
            int bOffset,
            int ldb,
            double[] c,
            int cOffset,
            int ldc) {
        Operands o = new Operands(a, k, rowStride, innerStride, b, ldb, c, ldc);
        int column = 0;
        for (; column + 2 * LANES <= n; column += 2 * LANES) {
            int row = 0;
            for (; row + 4 <= m; row += 4) {
                fourByTwo(o, aOffset + row * rowStride, bOffset + column, cOffset + row * ldc + column);
            }
            for (; row < m; row++) {
                oneByTwo(o, aOffset + row * rowStride, bOffset + column, cOffset + row * ldc + column);
            }
        }
        for (; column < n; column += LANES) {
            VectorMask<Double> mask = SPECIES.indexInRange(column, n);
            int row = 0;
            for (; row + 4 <= m; row += 4) {
                fourByOne(o, aOffset + row * rowStride, bOffset + column, cOffset + row * ldc + column, mask);
            }
            for (; row < m; row++) {
                oneByOne(o, aOffset + row * rowStride, bOffset + column, cOffset + row * ldc + column, mask);
            }
        }
    }

    private static void fourByTwo(Operands o, int aStart, int bStart, int cStart) {
        double[] a = o.a;
        double[] b = o.b;
        int rows = o.rowStride;
        int inner = o.innerStride;
        int ldb = o.ldb;
        int ai = aStart;
        int bi = bStart;
        DoubleVector c00 = DoubleVector.zero(SPECIES);
        DoubleVector c01 = c00;
        DoubleVector c10 = c00;
        DoubleVector c11 = c00;
        DoubleVector c20 = c00;
        DoubleVector c21 = c00;
        DoubleVector c30 = c00;
        DoubleVector c31 = c00;
        for (int p = 0; p < o.k; p++) {
            DoubleVector b0 = DoubleVector.fromArray(SPECIES, b, bi);
            DoubleVector b1 = DoubleVector.fromArray(SPECIES, b, bi + LANES);
            DoubleVector x = DoubleVector.broadcast(SPECIES, a[ai]);
            c00 = x.fma(b0, c00);
            c01 = x.fma(b1, c01);
            x = DoubleVector.broadcast(SPECIES, a[ai + rows]);
            c10 = x.fma(b0, c10);
            c11 = x.fma(b1, c11);
            x = DoubleVector.broadcast(SPECIES, a[ai + 2 * rows]);
            c20 = x.fma(b0, c20);
            c21 = x.fma(b1, c21);
            x = DoubleVector.broadcast(SPECIES, a[ai + 3 * rows]);
            c30 = x.fma(b0, c30);
            c31 = x.fma(b1, c31);
            ai += inner;
            bi += ldb;
        }
        double[] c = o.c;
        int ci = cStart;
        c00.intoArray(c, ci);
        c01.intoArray(c, ci + LANES);
        ci += o.ldc;
        c10.intoArray(c, ci);
        c11.intoArray(c, ci + LANES);
        ci += o.ldc;
        c20.intoArray(c, ci);
        c21.intoArray(c, ci + LANES);
        ci += o.ldc;
        c30.intoArray(c, ci);
        c31.intoArray(c, ci + LANES);
    }

    private static void oneByTwo(Operands o, int aStart, int bStart, int cStart) {
        DoubleVector c0 = DoubleVector.zero(SPECIES);
        DoubleVector c1 = c0;
        int ai = aStart;
        int bi = bStart;
        for (int p = 0; p < o.k; p++) {
            DoubleVector x = DoubleVector.broadcast(SPECIES, o.a[ai]);
            c0 = x.fma(DoubleVector.fromArray(SPECIES, o.b, bi), c0);
            c1 = x.fma(DoubleVector.fromArray(SPECIES, o.b, bi + LANES), c1);
            ai += o.innerStride;
            bi += o.ldb;
        }
        c0.intoArray(o.c, cStart);
        c1.intoArray(o.c, cStart + LANES);
    }

    private static void fourByOne(Operands o, int aStart, int bStart, int cStart, VectorMask<Double> mask) {
        double[] a = o.a;
        int rows = o.rowStride;
        DoubleVector c0 = DoubleVector.zero(SPECIES);
        DoubleVector c1 = c0;
        DoubleVector c2 = c0;
        DoubleVector c3 = c0;
        int ai = aStart;
        int bi = bStart;
        for (int p = 0; p < o.k; p++) {
            DoubleVector x = DoubleVector.fromArray(SPECIES, o.b, bi, mask);
            c0 = DoubleVector.broadcast(SPECIES, a[ai]).fma(x, c0);
            c1 = DoubleVector.broadcast(SPECIES, a[ai + rows]).fma(x, c1);
            c2 = DoubleVector.broadcast(SPECIES, a[ai + 2 * rows]).fma(x, c2);
            c3 = DoubleVector.broadcast(SPECIES, a[ai + 3 * rows]).fma(x, c3);
            ai += o.innerStride;
            bi += o.ldb;
        }
        c0.intoArray(o.c, cStart, mask);
        c1.intoArray(o.c, cStart + o.ldc, mask);
        c2.intoArray(o.c, cStart + 2 * o.ldc, mask);
        c3.intoArray(o.c, cStart + 3 * o.ldc, mask);
    }

    private static void oneByOne(Operands o, int aStart, int bStart, int cStart, VectorMask<Double> mask) {
        DoubleVector c0 = DoubleVector.zero(SPECIES);
        int ai = aStart;
        int bi = bStart;
        for (int p = 0; p < o.k; p++) {
            c0 = DoubleVector.broadcast(SPECIES, o.a[ai]).fma(DoubleVector.fromArray(SPECIES, o.b, bi, mask), c0);
            ai += o.innerStride;
            bi += o.ldb;
        }
        c0.intoArray(o.c, cStart, mask);
    }
}
