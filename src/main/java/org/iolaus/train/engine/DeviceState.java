package org.iolaus.train.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.lower.Precision;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;

/// A model's values in the memory of a device, laid out as on the host.
final class DeviceState implements AutoCloseable {
    private final DeviceRuntime device;
    private final Precision precision;
    private final ModelState host;
    private final FlatLayout layout;
    private final long address;

    DeviceState(DeviceRuntime device, Precision precision, ModelState host) {
        this.device = device;
        this.precision = precision;
        this.host = host;
        this.layout = host.layout();
        this.address = device.allocate(bytes());
        upload();
    }

    FlatLayout layout() {
        return layout;
    }

    /// Device memory, bytes.
    long bytes() {
        return layout.size() * precision.bytes();
    }

    long address() {
        return address;
    }

    /// Where a parameter or buffer begins.
    long address(String name) {
        return address + layout.range(name).start() * precision.bytes();
    }

    /// Brings the host's values to the device.
    void upload() {
        try (Arena scope = Arena.ofConfined()) {
            MemorySegment staged = scope.allocate(Math.max(8, bytes()), 64);
            double[] values = host.values();
            for (int i = 0; i < values.length; i++) {
                precision.put(staged, i, values[i]);
            }
            device.upload(address, staged, bytes());
            device.synchronize();
        }
    }

    /// A parameter or buffer in a copy of this memory.
    HostTensor read(MemorySegment copy, String name) {
        HostView view = host.find(name);
        long start = layout.range(name).start();
        double[] values = new double[view.volume()];
        Arrays.setAll(values, i -> precision.get(copy, start + i));
        return new HostTensor(view.shape(), values);
    }

    @Override
    public void close() {
        device.free(address);
    }
}
