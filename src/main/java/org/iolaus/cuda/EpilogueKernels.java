package org.iolaus.cuda;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Epilogue;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Sizes;

/// Kernels of small products with the loops that follow them ([Epilogue]). Whether products are small depends on the
/// batch, so these kernels stand beside those of the products and loops alone; they are compiled when a batch first
/// needs one.
final class EpilogueKernels {
    private final Schedule schedule;
    private final LoopKernels loops;
    private final Map<Integer, Epilogue> epilogues;
    private final Map<Integer, LoopKernels.Generated> ends = new TreeMap<>();
    private final Map<Integer, LoopKernels.Generated> rests = new TreeMap<>();

    EpilogueKernels(Schedule schedule, LoopKernels loops) {
        this.schedule = schedule;
        this.loops = loops;
        this.epilogues = Epilogue.of(schedule);
    }

    /// Those whose products are all small at a batch's sizes, by the steps of their loops.
    synchronized Map<Integer, Epilogue> of(Sizes sizes, Kernels kernels) {
        Map<Integer, Epilogue> small = new TreeMap<>();
        epilogues.forEach((step, epilogue) -> {
            boolean all = epilogue.products().stream().allMatch(product -> isSmall(product, sizes, kernels));
            if (all) {
                small.put(step, epilogue);
            }
        });
        if (!small.isEmpty() && ends.isEmpty()) {
            compile();
        }
        return small;
    }

    /// The products that need no step of their own.
    ///
    /// @param small what [#of] gives
    Set<Integer> computed(Map<Integer, Epilogue> small) {
        Set<Integer> computed = new TreeSet<>();
        small.values().forEach(epilogue -> computed.addAll(epilogue.products()));
        epilogues.forEach((step, epilogue) -> {
            if (!small.containsKey(step)) {
                computed.removeAll(epilogue.products());
            }
        });
        return computed;
    }

    private boolean isSmall(int product, Sizes sizes, Kernels kernels) {
        int[] shape = call(product).node().shape().bind(sizes);
        int depth = depth(product, sizes);
        return shape[0] * depth > 0 && kernels.isSmallGemm(false, shape[0], shape[1], depth, 1);
    }

    private Call call(int product) {
        return (Call) schedule.steps().get(product);
    }

    private int depth(int product, Sizes sizes) {
        return call(product).node().input(0).shape().bind(sizes)[1];
    }

    private boolean transposesB(Epilogue epilogue) {
        return call(epilogue.parts().getFirst().product()).op() instanceof MatMul op && op.transposeB();
    }

    private boolean isNarrow(int buffer) {
        return schedule.buffers().get(buffer).narrow();
    }

    private void compile() {
        Map<Integer, List<Loop>> bodies = new TreeMap<>();
        Map<Integer, List<Loop>> sums = new TreeMap<>();
        Map<Integer, LoopSource.Product> products = new TreeMap<>();
        epilogues.forEach((step, epilogue) -> {
            Call first = call(epilogue.parts().getFirst().product());
            bodies.put(step, List.of(epilogue.loop()));
            if (epilogue.rest() != null) {
                sums.put(step, List.of(epilogue.rest()));
            }
            products.put(
                    step,
                    new LoopSource.Product(
                            transposesB(epilogue),
                            isNarrow(first.inputs().getFirst()),
                            isNarrow(first.out()),
                            epilogue.parts().stream()
                                    .map(Epilogue.Part::register)
                                    .toList()));
        });
        ends.putAll(loops.compile("products with loops", "small_gemm.cuh", "product_loop", bodies, products));
        if (!sums.isEmpty()) {
            rests.putAll(loops.compile("sums behind products with loops", "tile.cuh", "rest", sums, Map.of()));
        }
    }

    /// The products and what follows them with each element.
    List<Kernels.Launch> end(Epilogue epilogue, Sizes sizes, long[] address, Kernels kernels) {
        LoopKernels.Generated generated = Objects.requireNonNull(ends.get(epilogue.step()));
        int[] shape = epilogue.loop().iteration().bind(sizes);
        boolean transposeB = transposesB(epilogue);
        List<Kernels.SmallGemm> products = new ArrayList<>();
        for (Epilogue.Part part : epilogue.parts()) {
            Call call = call(part.product());
            long k = depth(part.product(), sizes);
            long n = call.node().shape().dim(1).longValue();
            int operandBytes = isNarrow(call.inputs().getFirst()) ? Short.BYTES : Float.BYTES;
            int resultBytes = isNarrow(call.out()) ? Short.BYTES : Float.BYTES;
            boolean written = epilogue.written().contains(part.product());
            products.add(new Kernels.SmallGemm(
                    address[call.inputs().get(0)] + part.row() * k * operandBytes,
                    address[call.inputs().get(1)] + part.column() * (transposeB ? k : 1) * operandBytes,
                    written ? address[call.out()] + (part.row() * n + part.column()) * resultBytes : 0,
                    part.every() * k,
                    transposeB ? k : n,
                    part.every() * n,
                    k));
        }
        return kernels.smallGemms(
                generated.kernel(),
                products,
                transposeB,
                shape[0],
                shape[1],
                loops.arguments(generated, sizes, address));
    }

    /// The sums of an epilogue that has any, after its [#end].
    Runnable rest(Epilogue epilogue, Sizes sizes, long[] address, Arena memory) {
        return loops.of(
                Objects.requireNonNull(rests.get(epilogue.step())), sizes, address, new DeviceExecutor.Csr[0], memory);
    }
}
