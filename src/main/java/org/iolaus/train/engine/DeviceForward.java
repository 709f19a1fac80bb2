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
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Bucket;
import org.iolaus.train.inputs.ReadyBatch;

/// A program on a device whose outputs are fetched after each batch.
final class DeviceForward implements Engine.Forward {
    private final DeviceEngine engine;
    private final DeviceRuntime device;
    private final Precision precision;
    private final Program program;
    private final ModelState state;
    private final BatchInputs inputs;
    private final Map<String, Long> offsets = new LinkedHashMap<>();
    private DeviceEngine.Prepared prepared;
    private Sizes capacity = Sizes.NONE;
    private long results;
    private long resultBytes;
    private MemorySegment fetched = MemorySegment.NULL;

    DeviceForward(DeviceEngine engine, Program program, ModelState state, BatchInputs inputs) {
        this.engine = engine;
        this.device = engine.device();
        this.precision = engine.precision();
        this.program = program;
        this.state = state;
        this.inputs = inputs;
        this.prepared = prepare(new Bucket(1, 1, 1, 1));
    }

    /// Makes room for the outputs of a batch of this size.
    private DeviceEngine.Prepared prepare(Bucket bucket) {
        capacity = bucket.sizes();
        offsets.clear();
        long end = 0;
        for (var output : program.outputs().entrySet()) {
            offsets.put(output.getKey(), end);
            end += FlatLayout.aligned(volume(output.getValue().shape(), capacity)) * precision.bytes();
        }
        if (results != 0) {
            device.free(results);
        }
        resultBytes = end;
        results = device.allocate(end);
        fetched = device.allocateHost(end);
        Map<String, Long> addresses = new HashMap<>();
        offsets.forEach((name, offset) -> addresses.put(name, results + offset));
        return engine.new Prepared(program, engine.values(state), addresses);
    }

    private static long volume(Shape shape, Sizes sizes) {
        return HostTensor.volume(shape.bind(sizes));
    }

    @Override
    public void reserve(Collection<Bucket> buckets) {
        Bucket largest = new Bucket(capacity.of("N"), capacity.of("E"), capacity.of("G"), capacity.of("A"));
        Bucket before = largest;
        for (Bucket bucket : buckets) {
            largest = largest.or(bucket);
        }
        if (!largest.equals(before)) {
            prepared.close();
            prepared = prepare(largest);
        }
        prepared.reserve(buckets);
    }

    @Override
    public Map<String, double[]> run(ReadyBatch batch) {
        reserve(Set.of(batch.bucket()));
        DeviceEngine.Entry entry = prepared.feed(batch, 0);
        entry.start("forward", entry::tasks);
        engine.comm().await();
        device.download(fetched, results, resultBytes);
        Sizes sizes = inputs.exact(batch.batch()).sizes();
        Map<String, double[]> outputs = new HashMap<>();
        program.outputs().forEach((name, node) -> {
            double[] values = new double[(int) volume(node.shape(), sizes)];
            long from = Objects.requireNonNull(offsets.get(name)) / precision.bytes();
            for (int i = 0; i < values.length; i++) {
                values[i] = precision.get(fetched, from + i);
            }
            outputs.put(name, values);
        });
        return outputs;
    }

    @Override
    public void close() {
        prepared.close();
        device.free(results);
    }
}
