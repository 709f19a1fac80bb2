package org.iolaus.train.engine;

import java.lang.foreign.MemorySegment;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.ir.Program;
import org.iolaus.lower.Precision;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;
import org.iolaus.train.inputs.PaddedSize;
import org.iolaus.train.inputs.ReadyBatch;

/// A program on a device whose outputs are fetched after each batch.
final class DeviceForward implements Engine.Forward {
    private final DeviceEngine engine;
    private final DeviceRuntime device;
    private final Precision precision;
    private final Program program;
    private final Map<String, Long> offsets = new LinkedHashMap<>();
    private final DeviceEngine.CompiledProgram prepared;
    private PaddedSize capacity = PaddedSize.ONE;
    private long results;
    private long resultBytes;
    private MemorySegment fetched = MemorySegment.NULL;

    DeviceForward(DeviceEngine engine, Program program, DeviceState state) {
        this.engine = engine;
        this.device = engine.device();
        this.precision = engine.precision();
        this.program = program;
        this.prepared = engine.new CompiledProgram(program, state, name -> results + offset(name));
        makeRoom();
    }

    /// Brings what the program needs to the device.
    DeviceForward load() {
        prepared.program().load();
        return this;
    }

    /// For the outputs of a batch of the largest size.
    private void makeRoom() {
        resultBytes = 0;
        for (var output : program.outputs().entrySet()) {
            offsets.put(output.getKey(), resultBytes);
            resultBytes += FlatLayout.aligned(volume(output.getValue().shape(), capacity.sizes())) * precision.bytes();
        }
        results = device.allocate(resultBytes, "results");
        fetched = device.allocateHost(resultBytes);
    }

    private void free() {
        prepared.drop();
        device.free(results);
        device.freeHost(fetched);
    }

    private long offset(String output) {
        return Objects.requireNonNull(offsets.get(output), output);
    }

    private static long volume(Shape shape, Sizes sizes) {
        return HostTensor.volume(shape.bind(sizes));
    }

    @Override
    public void reserve(Collection<PaddedSize> buckets) {
        makeRoom(buckets);
        prepared.reserve(buckets);
    }

    /// For the outputs of batches of these sizes.
    void makeRoom(Collection<PaddedSize> buckets) {
        PaddedSize largest = buckets.stream().reduce(capacity, PaddedSize::or);
        if (!largest.equals(capacity)) {
            free();
            capacity = largest;
            makeRoom();
        }
    }

    @Override
    public Map<String, double[]> run(ReadyBatch batch) {
        reserve(Set.of(batch.padded()));
        DeviceEngine.BucketWork entry = prepared.feed(batch);
        entry.start("forward", entry::tasks);
        engine.comm().await();
        device.download(fetched, results, resultBytes);
        Sizes sizes = batch.exact().sizes();
        Map<String, double[]> outputs = new HashMap<>();
        program.outputs().forEach((name, node) -> {
            double[] values = new double[(int) volume(node.shape(), sizes)];
            long from = offset(name) / precision.bytes();
            for (int i = 0; i < values.length; i++) {
                values[i] = precision.get(fetched, from + i);
            }
            outputs.put(name, values);
        });
        return outputs;
    }

    @Override
    public void close() {
        free();
        prepared.close();
    }
}
