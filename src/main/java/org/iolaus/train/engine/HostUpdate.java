package org.iolaus.train.engine;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Sizes;
import org.jspecify.annotations.Nullable;

/// [UpdateProgram] on the host: its arrays and its work.
final class HostUpdate implements AutoCloseable {
    private final UpdateProgram update;
    private final CpuExecutor executor;
    private final Map<String, double[]> arrays = new HashMap<>();
    private final Map<String, HostView> leaves = new HashMap<>();

    /// @param averages null: none are kept
    HostUpdate(UpdateProgram update, CpuExecutor.Options options, double[] values, double @Nullable [] averages) {
        this.update = update;
        this.executor = CpuExecutor.replacing(update.program(), options);
        update.arrays().forEach((name, size) -> arrays.put(name, new double[Math.toIntExact(size)]));
        arrays.put(UpdateProgram.VALUES, values);
        if (averages != null) {
            arrays.put(UpdateProgram.AVERAGES, averages);
        }
        arrays.put(UpdateProgram.NUMBERS, new double[update.numberCount()]);
        update.program().parameters().forEach((name, type) -> {
            UpdateProgram.Place place = update.place(name);
            int[] shape = type.shape().bind(Sizes.NONE);
            leaves.put(name, new HostView(array(place.array()), Math.toIntExact(place.start()), shape));
        });
        allow();
    }

    double[] array(String name) {
        return Objects.requireNonNull(arrays.get(name), name);
    }

    /// Lets steps change things, also after one that was not finite.
    void allow() {
        array(UpdateProgram.GUARD)[0] = 1;
    }

    /// Whether all steps were finite.
    boolean allowed() {
        return array(UpdateProgram.GUARD)[0] == 1;
    }

    /// Ends a step ([UpdateProgram#numbers]).
    void run(long step, double learningRate, boolean added) {
        double[] numbers = update.numbers(step, learningRate, added);
        System.arraycopy(numbers, 0, array(UpdateProgram.NUMBERS), 0, numbers.length);
        executor.run(Map.of(), update.indices(), name -> Objects.requireNonNull(leaves.get(name), name), (_, _) -> {});
    }

    @Override
    public void close() {
        executor.close();
    }
}
