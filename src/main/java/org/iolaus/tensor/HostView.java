package org.iolaus.tensor;

/// A dense array inside a larger buffer, as an operation sees its arguments on the host.
///
/// @param data buffer
/// @param offset first element
/// @param shape extents, row-major and without gaps
@SuppressWarnings("ArrayRecordComponent")
public record HostView(double[] data, int offset, int[] shape) {

    public HostView(HostTensor tensor) {
        this(tensor.data(), 0, tensor.shape());
    }

    public int volume() {
        return (int) HostTensor.volume(shape);
    }

    /// Number of elements below one entry of the first axis.
    public int rowLength() {
        int length = 1;
        for (int i = 1; i < shape.length; i++) {
            length *= shape[i];
        }
        return length;
    }

    public double get(int i) {
        return data[offset + i];
    }

    public void set(int i, double value) {
        data[offset + i] = value;
    }
}
