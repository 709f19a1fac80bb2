package org.iolaus.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.lower.Precision;
import org.iolaus.op.Expr;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.junit.jupiter.api.Test;

/// Tolerances follow the number of roundings, and what becomes of them.
final class RoundingModelTest {
    private static final double UNIT = 0x1p-24;

    /// The bound of `y`, computed of inputs a, b (N) of numbers around 1 and -1.
    private static double bound(Precision precision, int length, Node y) {
        Random random = new Random(5);
        Map<String, HostTensor> floats = new HashMap<>();
        for (String name : List.of("a", "b", "c")) {
            double[] data = random.doubles(length, 1, 2)
                    .map(x -> name.equals("c") && random.nextBoolean() ? -x : x)
                    .toArray();
            floats.put(name, new HostTensor(new int[] {length}, data));
        }
        ReferenceCase.Batch batch = new ReferenceCase.Batch(floats, Map.of());
        return RoundingModel.of(Program.of(Map.of("y", y)), batch, Map.of(), precision)
                .get("y");
    }

    private static Node input(String name) {
        return Expr.input(name, Shape.of("N"));
    }

    /// In multiples of the deviation that n roundings come to; largest of some numbers, so up to three or four of them.
    private static void assertAbout(double deviation, double bound) {
        double ratio = bound / RoundingModel.FACTOR / deviation;
        assertTrue(ratio > 0.5 && ratio < 4, ratio + " deviations");
    }

    @Test
    void roundingsOneAfterAnotherGrowAsTheRootOfTheirNumber() {
        Node y = input("a");
        for (int i = 0; i < 399; i++) {
            y = i % 2 == 0 ? Expr.mul(y, input("b")) : Expr.div(y, input("b"));
        }
        double bound = bound(Precision.FP32, 8, y);
        assertAbout(Math.sqrt(400) * UNIT * 2, bound);
    }

    @Test
    void sumsCountTheirTerms() {
        double even = bound(Precision.FP32, 1000, Expr.sumAll(input("a")));
        assertAbout(Math.sqrt(1000) * UNIT * 1500 / 2, even);
        // terms of both signs: the sum is small, the partial sums on the way to it are not
        double cancelling = bound(Precision.FP32, 1000, Expr.sumAll(input("c")));
        assertAbout(1000 * UNIT * 1.5 / 2, cancelling);
    }

    @Test
    void whatCancelsIsMeasuredByWhatItWas() {
        Node large = Expr.scale(input("b"), 3e4);
        assertAbout(UNIT * 6e4, bound(Precision.FP32, 20, Expr.sub(Expr.add(input("a"), large), large)));
        Node offset = Expr.sub(Expr.shift(input("a"), 1e5 + 0.1), Expr.shift(input("b"), 1e5));
        assertAbout(UNIT * 1e5, bound(Precision.FP32, 20, offset));
    }

    @Test
    void whatIsExactStaysExact() {
        Node saturated = Expr.tanh(Expr.scale(input("a"), 64));
        Node one = Expr.mul(saturated, saturated);
        assertEquals(0, bound(Precision.FP32, 20, Expr.sub(Expr.full(one.shape(), 1), one)));
        Node halves = Expr.scale(Expr.abs(Expr.neg(input("a"))), 0.25);
        double bound = bound(Precision.FP32, 20, halves);
        assertAbout(UNIT / 4, bound);
    }

    @Test
    void productsOfFewerDigitsCostMore() {
        Node row = Expr.reshape(input("a"), Shape.of(1, 1, "N"));
        Node column = Expr.reshape(input("b"), Shape.of(1, "N", 1));
        Node product = Expr.matmul(row, column);
        double sum = 2.25 * Math.sqrt(64);
        assertAbout(64 * UNIT * 2.25 / 2 * Math.sqrt(64), bound(Precision.FP32, 64, product));
        assertAbout(0x1p-11 * sum, bound(Precision.TF32, 64, product));
        assertAbout(0x1p-8 * sum, bound(Precision.BF16, 64, product));
        // sums that are no products of matrices keep their digits
        Node plain = Expr.sumAll(Expr.mul(input("a"), input("b")));
        assertEquals(bound(Precision.FP32, 64, plain), bound(Precision.TF32, 64, plain));
        // with bf16 it is the device's program, which adds up 264 partial sums
        assertAbout(64 * UNIT * 2.25 / 2 * Math.sqrt(264), bound(Precision.BF16, 64, plain));
    }
}
