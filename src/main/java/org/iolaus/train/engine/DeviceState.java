package org.iolaus.train.engine;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.Supplier;
import org.iolaus.cuda.DeviceRuntime;
import org.iolaus.lower.Precision;
import org.iolaus.tensor.HostTensor;

/// A model's values in the memory of a device, laid out as on the host.
final class DeviceState implements AutoCloseable {
    private final DeviceRuntime device;
    private final Precision precision;
    private final FlatLayout layout;
    private final Supplier<double[]> host;
    private final long address;

    /// Makes room; [#upload] fills it.
    ///
    /// @param host the values on the host
    DeviceState(DeviceRuntime device, Precision precision, FlatLayout layout, Supplier<double[]> host) {
        this.device = device;
        this.precision = precision;
        this.layout = layout;
        this.host = host;
        this.address = device.allocate(bytes(), "values");
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
            double[] values = host.get();
            for (int i = 0; i < values.length; i++) {
                precision.put(staged, i, values[i]);
            }
            device.upload(address, staged, bytes());
            device.synchronize();
        }
    }

    /// A parameter or buffer in a copy of this memory.
    HostTensor read(MemorySegment copy, String name) {
        FlatLayout.Range range = layout.range(name);
        double[] values = new double[(int) range.size()];
        Arrays.setAll(values, i -> precision.get(copy, range.start() + i));
        return new HostTensor(layout.spec(name).extents(), values);
    }

    @Override
    public void close() {
        device.free(address);
    }
}
