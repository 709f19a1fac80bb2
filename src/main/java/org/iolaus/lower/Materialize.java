package org.iolaus.lower;

import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.ir.Pointwise;
import org.iolaus.ir.Sample;
import org.jspecify.annotations.Nullable;

/// The same values in memory of their own; only lowering makes it.
///
/// @param rounded whether it is rounded to bfloat16 for a product, whatever [Bf16Storage] says of other arrays
record Materialize(boolean rounded) implements Pointwise {

    @Override
    public void apply(double[] out, double[][] in, int n) {
        System.arraycopy(in[0], 0, out, 0, n);
    }

    @Override
    public String code(String... x) {
        return x[0];
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(cotangent);
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(this, Sample.floats(5, 3)));
    }
}
