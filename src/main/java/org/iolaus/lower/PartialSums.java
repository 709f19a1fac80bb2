package org.iolaus.lower;

import java.util.List;
import org.iolaus.ir.Cost;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.LoopSum;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Sizes;

/// Sums over `parts` runs of consecutive rows, `ceil(E / parts)` rows each: `x: (E, ...)`, result `(parts, ...)`. The
/// first half of a sum over many rows; only lowering makes it.
record PartialSums(int parts) implements LoweredOp {

    @Override
    public Type infer(List<Type> inputs) {
        return Type.floats(inputs.getFirst().shape().with(0, Dim.of(parts)));
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        HostView out = call.out();
        int rows = x.shape()[0];
        int row = x.rowLength();
        int length = (rows + parts - 1) / parts;
        for (int part = 0; part < parts; part++) {
            for (int c = 0; c < row; c++) {
                double sum = 0;
                for (int r = part * length; r < Math.min(rows, (part + 1) * length); r++) {
                    sum += x.get(r * row + c);
                }
                out.set(part * row + c, sum);
            }
        }
    }

    @Override
    public LoopSum loopSum() {
        return new LoopSum.Runs(parts);
    }

    @Override
    public Op part(int axis, int length) {
        return this;
    }

    @Override
    public Cost cost(Node node, Sizes sizes) {
        return Cost.touching(node, sizes, node.input(0).shape().volume().value(sizes));
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(this, Sample.floats(31, 5)));
    }
}
