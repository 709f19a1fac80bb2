package org.iolaus.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.iolaus.ir.DeviceKernel;
import org.iolaus.ir.Node;
import org.iolaus.lower.BilinearSegmentSum;
import org.iolaus.lower.GatherBilinear;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Tf32Operands;
import org.iolaus.op.AllReduce;
import org.iolaus.op.BilinearOuter;
import org.iolaus.op.BilinearProduct;
import org.iolaus.op.Concat;
import org.iolaus.op.GridActivation;
import org.iolaus.op.MatMul;
import org.iolaus.op.SegmentMax;
import org.iolaus.op.SegmentSum;
import org.iolaus.op.Sum;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// Whole-array operations as device work.
final class Launches {
    /// Terms of a product of split factors that tensor cores add up: 8 of them are one addition that rounds
    /// towards zero.
    private static final int MOST_TERMS = 6144;

    private final Schedule schedule;
    private final Precision precision;
    private final Kernels kernels;
    private final @Nullable Collective collective;

    /// @param collective sums over ranks; null on a single one
    Launches(Schedule schedule, Precision precision, Kernels kernels, @Nullable Collective collective) {
        this.schedule = schedule;
        this.precision = precision;
        this.kernels = kernels;
        this.collective = collective;
    }

    /// Scratch memory that a call wants.
    static long workspaceBytes(Call call, Sizes sizes, int bytes) {
        if (!(call.op() instanceof Sum sum)) {
            return 0;
        }
        List<Fold> folds = folds(sum, call.node().input(0).shape().bind(sizes));
        long most = 0;
        for (Fold fold : folds) {
            most = Math.max(most, Kernels.reduceSumWorkspace(bytes, fold.outer, fold.reduced, fold.inner));
        }
        return betweenBytes(folds, bytes) + most;
    }

    /// Memory for what the first of two passes leaves to the second.
    private static long betweenBytes(List<Fold> folds, int bytes) {
        if (folds.size() > 2) {
            throw new DeviceException("Sum: want at most two groups of neighbouring axes, got " + folds.size());
        }
        return folds.size() == 1 ? 0 : aligned(folds.getFirst().outer * folds.getFirst().inner * bytes);
    }

    private static long aligned(long bytes) {
        return (bytes + 255) / 256 * 256;
    }

    /// A call with a batch's sizes and addresses.
    private record BoundCall(Call call, Binding binding) {
        int[] out() {
            return call.node().shape().bind(binding.sizes());
        }

        int[] shape(int input) {
            return call.node().input(input).shape().bind(binding.sizes());
        }

        /// Address of the result.
        long y() {
            return binding.address()[call.out()];
        }

        long at(int input) {
            return binding.address()[call.inputs().get(input)];
        }

        Csr rows(int input) {
            return binding.rows(call.inputs().get(input));
        }
    }

    /// The work of one call.
    ///
    /// @param scratch memory of at least [#workspaceBytes]
    /// @throws DeviceException if there is no kernel for the operation
    List<Work> of(Call node, Binding binding, long scratch) {
        BoundCall call = new BoundCall(node, binding);
        int[] out = call.out();
        long y = call.y();
        return switch (node.op()) {
            case MatMul op -> matmul(op, call, out, y);
            case BilinearProduct _ -> bilinear(node).product(call.at(0), call.at(1), 0, y, out[0], out[2]);
            case GatherBilinear _ -> bilinear(node).product(call.at(0), call.at(1), call.at(2), y, out[0], out[2]);
            case BilinearSegmentSum _ -> {
                Csr rows = call.rows(2);
                yield bilinear(node).summed(call.at(0), call.at(1), rows.start(), rows.order(), y, out[0], out[2]);
            }
            case BilinearOuter _ -> bilinear(node).outer(call.at(0), call.at(1), y, out[0], call.shape(0)[2]);
            case GridActivation op -> {
                List<Long> in = IntStream.range(0, node.inputs().size())
                        .mapToObj(call::at)
                        .toList();
                yield grid(op, node).of(in, y, out[0], out[2]);
            }
            case SegmentSum _ -> segment(call, out, y, false);
            case SegmentMax _ -> segment(call, out, y, true);
            case Sum op -> sum(op, call, scratch, y);
            case Concat op -> concat(op, call, out, y);
            case Tf32Operands op -> {
                int parts = op.axis(out.length - 1);
                long rows = product(out, 0, parts);
                yield kernels.split(op.other(), call.at(0), y, rows, product(out, parts + 1, out.length));
            }
            case AllReduce _ -> {
                long count = product(out, 0, out.length);
                Work copy = new Work.Copy(y, call.at(0), count * precision.bytes());
                Collective ranks = collective;
                yield ranks == null ? List.of(copy) : List.of(copy, new Work.Sum(ranks, y, count, precision.bytes()));
            }
            default -> perElement(call, out);
        };
    }

    private List<Work> perElement(BoundCall call, int[] out) {
        int operands = call.call.inputs().size();
        DeviceKernel kernel = call.call
                .op()
                .kernel(IntStream.range(0, operands).mapToObj(call::shape).toList(), out);
        if (kernel == null) {
            throw new DeviceException(call.call.op() + ": want an operation with a kernel, got none");
        }
        LongStream addresses =
                LongStream.concat(IntStream.range(0, operands).mapToLong(call::at), LongStream.of(call.y()));
        long[] arguments =
                LongStream.concat(addresses, LongStream.of(kernel.arguments())).toArray();
        return kernels.perElement(kernel.name(), kernel.threads() * product(out, 0, out.length), arguments);
    }

    /// Texts of the kernels that are generated for a call, to be compiled ahead.
    List<DeviceRuntime.Source> sources(Call call) {
        return switch (call.op()) {
            case BilinearProduct _, GatherBilinear _ -> sources(call, BilinearKernels.Operation.PRODUCT, call.node());
            case BilinearSegmentSum _ -> sources(call, BilinearKernels.Operation.SUMMED, call.node());
            case BilinearOuter _ ->
                sources(call, BilinearKernels.Operation.OUTER, call.node().input(0));
            case GridActivation op -> List.of(grid(op, call).source());
            default -> List.of();
        };
    }

    /// @param channels whose last axis are the channels
    private List<DeviceRuntime.Source> sources(Call call, BilinearKernels.Operation operation, Node channels) {
        Dim last = channels.shape().dim(2);
        return last.isConstant() ? List.of(bilinear(call).source(operation, last.longValue())) : List.of();
    }

    /// The kernels of a bilinear map as its features are stored.
    private BilinearKernels bilinear(Call call) {
        return switch (call.op()) {
            case BilinearProduct op -> kernels.bilinear(op.terms(), isBf16(call, 1), isBf16(call));
            case GatherBilinear op -> kernels.bilinear(op.terms(), isBf16(call, 1), isBf16(call));
            case BilinearSegmentSum op -> kernels.bilinear(op.terms(), isBf16(call, 1), isBf16(call));
            case BilinearOuter op -> kernels.bilinear(op.terms(), isBf16(call, 1), isBf16(call, 0));
            default -> throw new IllegalArgumentException(call.op().toString());
        };
    }

    private GridKernel grid(GridActivation op, Call call) {
        int bf16 = isBf16(call) ? 1 << call.inputs().size() : 0;
        for (int input = 0; input < call.inputs().size(); input++) {
            bf16 |= isBf16(call, input) ? 1 << input : 0;
        }
        return kernels.gridActivation(op, precision.isFast(), bf16);
    }

    /// Whether an input is bfloat16.
    private boolean isBf16(Call call, int input) {
        return schedule.buffers().get(call.inputs().get(input)).bf16();
    }

    /// Whether the result is bfloat16.
    private boolean isBf16(Call call) {
        return schedule.buffers().get(call.out()).bf16();
    }

    private static long product(int[] shape, int from, int to) {
        long product = 1;
        for (int axis = from; axis < to; axis++) {
            product *= shape[axis];
        }
        return product;
    }

    private List<Work> matmul(MatMul op, BoundCall call, int[] out, long y) {
        int rank = out.length;
        int m = out[rank - 2];
        int n = out[rank - 1];
        int[] a = call.shape(0);
        int k = a[op.transposeA() ? rank - 2 : rank - 1];
        int batch = rank == 3 ? out[0] : 1;
        if ((long) m * n * batch == 0) {
            return List.of();
        }
        GemmFormat format = format(call.call);
        if (k == 0) {
            long bytes = (long) m * n * batch * format.resultBytes();
            return List.of(new Work.Fill(y, 0, bytes));
        }
        long left = call.at(0);
        long right = call.at(1);
        if (kernels.isSmallGemm(op.transposeA(), m, n, k, batch)) {
            return kernels.smallGemm(format, op.transposeB(), left, right, y, m, n, k);
        }
        boolean byRows = op.transposeA() && !op.transposeB() && batch == 1;
        if (byRows && Tf32Operands.isIn(call.call.node())) {
            return inPieces(m, n, k, left, right, y);
        }
        Work.Gemm product = new Work.Gemm(format, m, n, k, left, right, y);
        return List.of(product.transposed(op.transposeA(), op.transposeB()).batched(batch));
    }

    /// `y (m, n)`: `transpose(left (k, m)) right (k, n)` of split factors, [#MOST_TERMS] of k at a time: tensor cores
    /// round partial sums towards zero.
    private List<Work> inPieces(int m, int n, int k, long left, long right, long y) {
        int pieces = (k + MOST_TERMS - 1) / MOST_TERMS;
        int length = (k + pieces - 1) / pieces;
        List<Work> work = new ArrayList<>();
        for (int from = 0; from < k; from += length) {
            GemmFormat format = from == 0 ? GemmFormat.TF32 : GemmFormat.TF32_ADDED;
            int terms = Math.min(length, k - from);
            long a = left + (long) from * m * format.operandBytes();
            long b = right + (long) from * n * format.operandBytes();
            work.add(new Work.Gemm(format, m, n, terms, a, b, y).transposed(true, false));
        }
        return work;
    }

    /// As the operands and the result of a product are stored.
    private GemmFormat format(Call call) {
        if (isBf16(call, 0)) {
            return isBf16(call) ? GemmFormat.BF16 : GemmFormat.BF16_FP32;
        }
        return Tf32Operands.isIn(call.node()) ? GemmFormat.TF32 : GemmFormat.of(precision);
    }

    private List<Work> segment(BoundCall call, int[] out, long y, boolean largest) {
        Csr rows = call.rows(1);
        long columns = product(out, 1, out.length);
        long entries = call.shape(0)[0];
        long x = call.at(0);
        return largest
                ? kernels.segmentMax(x, rows.start(), rows.order(), y, out[0], columns, entries)
                : kernels.segmentSum(x, rows.start(), rows.order(), y, out[0], columns, entries);
    }

    /// One pass of a sum: `(outer, reduced, inner)` to `(outer, inner)`.
    private record Fold(long outer, long reduced, long inner) {}

    /// Sums over neighbouring axes are one pass; others follow one another, innermost first.
    private static List<Fold> folds(Sum sum, int[] shape) {
        List<Fold> folds = new ArrayList<>();
        int[] left = shape.clone();
        List<Integer> axes = sum.axes();
        for (int last = axes.size() - 1; last >= 0; ) {
            int first = last;
            while (first > 0 && axes.get(first - 1) == axes.get(first) - 1) {
                first--;
            }
            int from = axes.get(first);
            int to = axes.get(last) + 1;
            folds.add(new Fold(product(left, 0, from), product(left, from, to), product(left, to, left.length)));
            for (int axis = from; axis < to; axis++) {
                left[axis] = 1;
            }
            last = first - 1;
        }
        return folds;
    }

    private List<Work> sum(Sum op, BoundCall call, long workspace, long y) {
        List<Fold> folds = folds(op, call.shape(0));
        long between = workspace;
        long scratch = workspace + betweenBytes(folds, precision.bytes());
        List<Work> work = new ArrayList<>();
        long from = call.at(0);
        boolean bf16 = isBf16(call.call, 0);
        for (int pass = 0; pass < folds.size(); pass++) {
            Fold fold = folds.get(pass);
            long to = pass == folds.size() - 1 ? y : between;
            if (fold.reduced == 0) {
                long bytes = fold.outer * fold.inner * precision.bytes();
                work.add(new Work.Fill(to, 0, bytes));
            } else {
                work.addAll(
                        kernels.reduceSum(from, bf16 && pass == 0, to, scratch, fold.outer, fold.reduced, fold.inner));
            }
            from = between;
        }
        return work;
    }

    private List<Work> concat(Concat op, BoundCall call, int[] out, long y) {
        List<Work> work = new ArrayList<>();
        long pitch = product(out, op.axis(), out.length);
        long rows = product(out, 0, op.axis());
        long start = 0;
        for (int i = 0; i < call.call.inputs().size(); i++) {
            int[] part = call.shape(i);
            long width = product(part, op.axis(), part.length);
            work.addAll(kernels.copy(call.at(i), y + start * precision.bytes(), rows, width, width, pitch));
            start += width;
        }
        return work;
    }
}
