package org.iolaus.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Program;
import org.iolaus.ir.Sample;
import org.iolaus.lower.Precision;
import org.iolaus.op.Expr;
import org.iolaus.op.Ops;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.iolaus.verify.RoundingModel.Bound;
import org.junit.jupiter.api.Test;

/// Tolerances follow the number of roundings, and what becomes of them.
final class RoundingModelTest {
    private static final double UNIT = 0x1p-24;

    /// The bound of `y`, computed of inputs a, b (N) of numbers around 1 and -1.
    private static Bound bound(Precision precision, int length, Node y) {
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
    private static void assertAbout(double deviation, Bound bound) {
        double ratio = bound.tolerance() / RoundingModel.FACTOR / deviation;
        assertTrue(ratio > 0.5 && ratio < 4, ratio + " deviations");
    }

    @Test
    void roundingsOneAfterAnotherGrowAsTheRootOfTheirNumber() {
        Node y = input("a");
        for (int i = 0; i < 399; i++) {
            y = i % 2 == 0 ? Expr.mul(y, input("b")) : Expr.div(y, input("b"));
        }
        Bound bound = bound(Precision.FP32, 8, y);
        assertEquals(400, bound.roundings());
        assertAbout(Math.sqrt(400) * UNIT * 2, bound);
    }

    @Test
    void sumsCountTheirTerms() {
        Bound even = bound(Precision.FP32, 1000, Expr.sumAll(input("a")));
        assertEquals(1000, even.roundings());
        assertAbout(Math.sqrt(1000) * UNIT * 1500 / 2, even);
        // terms of both signs: the sum is small, the partial sums on the way to it are not
        Bound cancelling = bound(Precision.FP32, 1000, Expr.sumAll(input("c")));
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
        assertEquals(
                0,
                bound(Precision.FP32, 20, Expr.sub(Expr.full(one.shape(), 1), one))
                        .tolerance());
        Node halves = Expr.scale(Expr.abs(Expr.neg(input("a"))), 0.25);
        Bound bound = bound(Precision.FP32, 20, halves);
        assertEquals(1, bound.roundings());
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
        assertEquals(65, bound(Precision.FP32, 64, product).roundings());
        // sums that are no products of matrices keep their digits
        Node plain = Expr.sumAll(Expr.mul(input("a"), input("b")));
        assertEquals(
                bound(Precision.FP32, 64, plain).tolerance(),
                bound(Precision.TF32, 64, plain).tolerance());
        assertAbout(64 * UNIT * 2.25 / 2 * Math.sqrt(64), bound(Precision.BF16, 64, plain));
    }

    /// An operation that claims no roundings makes no number that float32 does not hold of numbers that it holds.
    @Test
    void operationsWithoutRoundingsMakeNoNewDigits() {
        Random random = new Random(11);
        List<String> exact = new ArrayList<>();
        for (Op op : Ops.ALL) {
            for (Sample sample : op.samples()) {
                List<HostCall.Argument> arguments = new ArrayList<>();
                List<Node> nodes = new ArrayList<>();
                for (Sample.Argument argument : sample.arguments()) {
                    switch (argument) {
                        case Sample.Floats f -> {
                            int[] extents = f.shape().bind(Sizes.NONE);
                            double[] data = random.doubles(HostTensor.volume(extents), f.low(), f.high())
                                    .map(x -> (float) x)
                                    .toArray();
                            arguments.add(HostCall.Argument.of(new HostView(data, 0, extents)));
                            nodes.add(Expr.input("in" + nodes.size(), f.shape()));
                        }
                        case Sample.Indices i -> {
                            int[] values = random.ints(i.length(), 0, i.range()).toArray();
                            if (i.sorted()) {
                                Arrays.sort(values);
                            }
                            arguments.add(HostCall.Argument.of(new Index(values, i.range())));
                            nodes.add(Expr.index("in" + nodes.size(), Dim.of(i.length()), Dim.of(i.range())));
                        }
                    }
                }
                int[] shape = Node.of(sample.op(), nodes).shape().bind(Sizes.NONE);
                HostView out = new HostView(new double[(int) HostTensor.volume(shape)], 0, shape);
                HostCall call = new HostCall(out, arguments);
                if (sample.op().roundings(call) == 0 && !op.name().equals("Constant")) {
                    sample.op().cpu(call);
                    exact.add(op.name());
                    for (double value : out.data()) {
                        assertEquals((float) value, value, 0, op.name());
                    }
                }
            }
        }
        assertTrue(
                exact.containsAll(List.of("Gather", "Where", "Max", "Reshape", "SegmentMax", "Concat")),
                exact.toString());
        assertTrue(exact.stream().noneMatch(List.of("Add", "Exp", "Scale", "BilinearProduct")::contains));
    }
}
