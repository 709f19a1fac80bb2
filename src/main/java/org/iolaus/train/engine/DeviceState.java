package org.iolaus.train.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.cuda.Kernels;
import org.iolaus.lower.Precision;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;

/// A model's values in the memory of a device, each beginning at a multiple of 64 numbers: first all that is trained,
/// then the rest. Gradients and the optimizer's state have the same layout.
final class DeviceState implements AutoCloseable {
    private static final int ALIGNMENT = Kernels.DECAY_BLOCK;

    private final DeviceRuntime device;
    private final Precision precision;
    private final ModelState host;
    private final Map<String, Long> offsets = new HashMap<>();
    private final long trained;
    private final long all;
    private final long address;

    DeviceState(DeviceRuntime device, Precision precision, ModelState host) {
        this.device = device;
        this.precision = precision;
        this.host = host;
        long end = place(0, true);
        this.trained = end;
        this.all = place(end, false);
        this.address = device.allocate(all * precision.bytes());
        upload();
    }

    private long place(long from, boolean whatIsTrained) {
        long end = from;
        for (Parameters.Spec spec : host.parameters().specs().values()) {
            if ((spec.role() == Role.TRAINED) == whatIsTrained) {
                offsets.put(spec.name(), end);
                end += aligned(spec.size());
            }
        }
        return end;
    }

    /// Numbers that an array of `n` occupies.
    static long aligned(long n) {
        return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /// Length of what is trained, gaps included.
    long trained() {
        return trained;
    }

    /// Length of what is trained, without gaps.
    int trainedOnHost() {
        return host.trained().length;
    }

    /// Device memory, bytes.
    long bytes() {
        return all * precision.bytes();
    }

    long address() {
        return address;
    }

    /// Number of values before those of a parameter or buffer.
    long offset(String name) {
        return Objects.requireNonNull(offsets.get(name), name);
    }

    long address(String name) {
        return address + offset(name) * precision.bytes();
    }

    /// Brings the host's values to the device.
    void upload() {
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment staged = scope.allocate(Math.max(8, bytes()), 64);
            offsets.forEach((name, offset) -> {
                HostView view = host.find(name);
                for (int i = 0; i < view.volume(); i++) {
                    precision.put(staged, offset + i, view.get(i));
                }
            });
            device.upload(address, staged, bytes());
            device.synchronize();
        }
    }

    /// A parameter or buffer in a copy of this memory.
    HostTensor read(MemorySegment copy, String name) {
        HostView view = host.find(name);
        long offset = offset(name);
        double[] values = new double[view.volume()];
        for (int i = 0; i < values.length; i++) {
            values[i] = precision.get(copy, offset + i);
        }
        return new HostTensor(view.shape(), values);
    }

    /// For each `ALIGNMENT` numbers of what is trained whether they belong to a certain parameter: 1 or 0.
    byte[] blocks(Predicate<Parameters.Spec> wanted) {
        byte[] blocks = new byte[Math.toIntExact(trained / ALIGNMENT)];
        host.parameters().specs().values().stream()
                .filter(spec -> spec.role() == Role.TRAINED && wanted.test(spec))
                .forEach(spec -> {
                    int start = Math.toIntExact(offset(spec.name()) / ALIGNMENT);
                    Arrays.fill(blocks, start, start + Math.toIntExact(aligned(spec.size()) / ALIGNMENT), (byte) 1);
                });
        return blocks;
    }

    /// From the layout of what is trained on the device to the host's, without gaps.
    double[] gather(MemorySegment array) {
        double[] values = new double[host.trained().length];
        forTrained((name, size) -> {
            for (int i = 0; i < size; i++) {
                values[host.offset(name) + i] = precision.get(array, offset(name) + i);
            }
        });
        return values;
    }

    /// The reverse of [#gather].
    void scatter(double[] values, MemorySegment array) {
        forTrained((name, size) -> {
            for (int i = 0; i < size; i++) {
                precision.put(array, offset(name) + i, values[host.offset(name) + i]);
            }
        });
    }

    private interface Visitor {
        void visit(String name, int size);
    }

    private void forTrained(Visitor visitor) {
        host.parameters().specs().values().stream()
                .filter(spec -> spec.role() == Role.TRAINED)
                .forEach(spec -> visitor.visit(spec.name(), spec.size()));
    }

    @Override
    public void close() {
        device.free(address);
    }
}
