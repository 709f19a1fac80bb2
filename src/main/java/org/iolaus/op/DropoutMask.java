package org.iolaus.op;

import java.util.Collections;
import java.util.List;
import org.iolaus.ir.DeviceKernel;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.ShapeException;
import org.jspecify.annotations.Nullable;

/// 0 with the given probability, else `1 / (1 - probability)`: a pure function of (seed, step, stream, element).
///
/// The input `(2)` holds seed and step. The generator is SplitMix64's finaliser over a counter.
///
/// @param stream tells the masks of one program apart
/// @param target shape of the mask
public record DropoutMask(double probability, int stream, Shape target) implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        if (!inputs.getFirst().shape().equals(Shape.of(2)) || !(probability >= 0 && probability < 1)) {
            throw new ShapeException(name() + ": want a key of shape (2) and 0 <= probability < 1, got "
                    + inputs.getFirst() + " and " + probability);
        }
        return Type.floats(target);
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return Collections.singletonList(null);
    }

    @Override
    public void cpu(HostCall call) {
        HostView key = call.in(0);
        HostView out = call.out();
        long base = mix(mix(mix((long) key.get(0)) + (long) key.get(1)) + stream);
        double kept = 1 / (1 - probability);
        int n = out.volume();
        for (int i = 0; i < n; i++) {
            double uniform = (mix(base + i) >>> 11) * 0x1.0p-53;
            out.set(i, uniform < probability ? 0 : kept);
        }
    }

    private static long mix(long counter) {
        long z = (counter + 1) * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    @Override
    public DeviceKernel kernel(List<int[]> operands, int[] result) {
        return new DeviceKernel(
                "dropout_mask", Double.doubleToRawLongBits(probability), stream, HostTensor.volume(result));
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(
                new DropoutMask(0.25, 3, new Shape(List.of(Dim.of(32), Dim.of(8)))), Sample.positive(2)));
    }
}
