package org.iolaus.tensor;

import java.util.Arrays;

/// Numbers on the host, row-major.
///
/// @param shape extents
/// @param data as many values as the extents' product
@SuppressWarnings("ArrayRecordComponent")
public record HostTensor(int[] shape, double[] data) {

    public HostTensor {
        long volume = volume(shape);
        if (volume != data.length) {
            throw new ShapeException(
                    "HostTensor: want " + volume + " values for " + Arrays.toString(shape) + ", got " + data.length);
        }
    }

    public static HostTensor of(int[] shape, double... data) {
        return new HostTensor(shape, data);
    }

    public static HostTensor scalar(double value) {
        return new HostTensor(new int[0], new double[] {value});
    }

    public static long volume(int[] shape) {
        long volume = 1;
        for (int extent : shape) {
            volume *= extent;
        }
        return volume;
    }

    @Override
    public String toString() {
        return "HostTensor" + Arrays.toString(shape);
    }
}
