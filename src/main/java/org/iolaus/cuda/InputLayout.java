package org.iolaus.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.iolaus.lower.Precision;
import org.iolaus.lower.Schedule;
import org.iolaus.lower.Schedule.Buffer;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.ShapeException;
import org.iolaus.tensor.Sizes;

/// Where the inputs of a program lie in one block of memory, for one batch's sizes: arrays one after another, an index
/// that segment operations walk followed by its compressed rows.
final class InputLayout {
    private static final long ALIGNMENT = 256;

    private final Precision precision;
    private final List<Place> places = new ArrayList<>();
    private final long bytes;

    /// Byte offsets of an input and, where it has them, of its compressed rows (-1: none).
    @SuppressWarnings("ArrayRecordComponent")
    private record Place(Buffer buffer, int[] shape, int range, long at, long start, long order) {}

    /// @param segmented buffers of indices that need compressed rows
    /// @param sorted names of the indices that ascend: they need no order
    InputLayout(Schedule schedule, Precision precision, Set<Integer> segmented, Sizes sizes, Set<String> sorted) {
        this.precision = precision;
        long end = 0;
        for (Buffer buffer : schedule.buffers()) {
            if (buffer.storage() != Schedule.Storage.INPUT) {
                continue;
            }
            int[] shape = buffer.type().shape().bind(sizes);
            long at = end;
            if (!buffer.type().isIndex()) {
                end += aligned(HostTensor.volume(shape) * precision.bytes());
                places.add(new Place(buffer, shape, 0, at, -1, -1));
                continue;
            }
            int range = Math.toIntExact(buffer.type().indexRange().value(sizes));
            long list = aligned(4L * shape[0]);
            end += list;
            long start = -1;
            long order = -1;
            if (segmented.contains(buffer.number())) {
                start = end;
                end += aligned(4L * (range + 1));
                if (!sorted.contains(buffer.label())) {
                    order = end;
                    end += list;
                }
            }
            places.add(new Place(buffer, shape, range, at, start, order));
        }
        bytes = end;
    }

    private static long aligned(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    long bytes() {
        return bytes;
    }

    /// Enters the addresses of a block that begins at `base`, by buffer.
    void addresses(long base, long[] address, Csr[] csr) {
        for (Place place : places) {
            int number = place.buffer.number();
            address[number] = base + place.at;
            if (place.start >= 0) {
                csr[number] = new Csr(base + place.start, place.order < 0 ? 0 : base + place.order);
            }
        }
    }

    /// Writes a batch into a block.
    ///
    /// @throws ShapeException if an input is missing or its shape is not that of the layout, naming it
    void pack(MemorySegment block, Map<String, HostTensor> floats, Map<String, Index> indices) {
        for (Place place : places) {
            String name = place.buffer.label();
            if (place.buffer.type().isIndex()) {
                Index index = indices.get(name);
                if (index == null || index.length() != place.shape[0] || index.range() != place.range) {
                    throw new ShapeException("input " + name + ": want " + place.shape[0] + " indices below "
                            + place.range + ", got "
                            + (index == null ? "none" : index.length() + " below " + index.range()));
                }
                packIndex(block, place, index);
            } else {
                double[] values = Objects.requireNonNull(floats.get(name), name).data();
                if (values.length != HostTensor.volume(place.shape)) {
                    throw new ShapeException("input " + name + ": want " + HostTensor.volume(place.shape)
                            + " numbers, got " + values.length);
                }
                put(block, place.at, values);
            }
        }
    }

    private static void packIndex(MemorySegment block, Place place, Index index) {
        MemorySegment.copy(index.values(), 0, block, ValueLayout.JAVA_INT, place.at, index.length());
        if (place.start >= 0) {
            MemorySegment.copy(index.start(), 0, block, ValueLayout.JAVA_INT, place.start, index.range() + 1);
        }
        if (place.order >= 0) {
            MemorySegment.copy(index.order(), 0, block, ValueLayout.JAVA_INT, place.order, index.length());
        }
    }

    private void put(MemorySegment block, long at, double[] values) {
        if (precision.bytes() == 8) {
            MemorySegment.copy(values, 0, block, ValueLayout.JAVA_DOUBLE, at, values.length);
        } else {
            MemorySegment target = block.asSlice(at, 4L * values.length);
            for (int i = 0; i < values.length; i++) {
                target.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) values[i]);
            }
        }
    }
}
