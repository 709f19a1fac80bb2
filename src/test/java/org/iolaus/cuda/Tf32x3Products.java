package org.iolaus.cuda;

import java.util.Map;
import java.util.SplittableRandom;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.LowPrecision;
import org.iolaus.lower.Precision;
import org.iolaus.op.Expr;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;

/// How far a device's products of floats are from the definition.
final class Tf32x3Products {
    private static final int MOST_CHECKED = 20_000;

    private Tf32x3Products() {}

    /// A product's sizes.
    record Size(int m, int n, int k, int batch) {}

    /// The largest error over what floats may come to: `8 u sqrt(k)` of the largest result.
    ///
    /// @param positive whether all factors are, so that nothing cancels
    static double error(DeviceRuntime device, Precision precision, MatMul op, Size size, boolean positive) {
        SplittableRandom random = new SplittableRandom(31L * size.m + 7L * size.n + size.k);
        int m = size.m;
        int n = size.n;
        int k = size.k;
        int batch = size.batch;
        double[] a = random.doubles((long) batch * m * k, positive ? 0 : -1, 1)
                .map(x -> (float) x)
                .toArray();
        double[] b = random.doubles((long) batch * k * n, positive ? 0 : -1, 1)
                .map(x -> (float) x)
                .toArray();
        int[] shapeA = op.transposeA() ? new int[] {batch, k, m} : new int[] {batch, m, k};
        int[] shapeB = op.transposeB() ? new int[] {batch, n, k} : new int[] {batch, k, n};
        double[] c = product(device, precision, op, new HostTensor(shapeA, a), new HostTensor(shapeB, b));
        double largest = 0;
        double worst = 0;
        int checked = Math.min(MOST_CHECKED, c.length);
        for (int i = 0; i < checked; i++) {
            int at = checked == c.length ? i : random.nextInt(c.length);
            int z = at / (m * n);
            int row = at / n % m;
            int column = at % n;
            double sum = 0;
            for (int p = 0; p < k; p++) {
                sum += a[z * m * k + (op.transposeA() ? p * m + row : row * k + p)]
                        * b[z * k * n + (op.transposeB() ? column * k + p : p * n + column)];
            }
            largest = Math.max(largest, Math.abs(sum));
            double difference = Math.abs(c[at] - sum);
            worst = Double.isNaN(difference) ? Double.NaN : Math.max(worst, difference);
        }
        return worst / (8 * 0x1p-24 * Math.sqrt(k) * largest);
    }

    /// A device's product, of split factors if the precision splits any; of matrices where the batch is 1.
    static double[] product(DeviceRuntime device, Precision precision, MatMul op, HostTensor a, HostTensor b) {
        HostTensor left = flat(a);
        HostTensor right = flat(b);
        Node x = Expr.input("a", shape(left));
        Node y = Expr.input("b", shape(right));
        Program program = Program.of(Map.of("c", Node.of(op, java.util.List.of(x, y))));
        LowPrecision lowPrecision = precision.lowPrecision().everywhere();
        try (DeviceExecutor executor = new DeviceExecutor(device, program, precision, lowPrecision)) {
            return executor.run(Map.of("a", left, "b", right), Map.of(), Map.of())
                    .get("c")
                    .data();
        }
    }

    private static HostTensor flat(HostTensor tensor) {
        int[] shape = tensor.shape();
        return shape.length == 3 && shape[0] == 1
                ? new HostTensor(new int[] {shape[1], shape[2]}, tensor.data())
                : tensor;
    }

    private static Shape shape(HostTensor tensor) {
        int[] shape = tensor.shape();
        return shape.length == 2 ? Shape.of(shape[0], shape[1]) : Shape.of(shape[0], shape[1], shape[2]);
    }
}
