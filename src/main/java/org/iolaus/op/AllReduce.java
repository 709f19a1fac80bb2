package org.iolaus.op;

import java.util.List;
import org.iolaus.ir.HostCall;
import org.iolaus.ir.Node;
import org.iolaus.ir.Op;
import org.iolaus.ir.Sample;
import org.iolaus.ir.Type;
import org.iolaus.tensor.HostView;
import org.jspecify.annotations.Nullable;

/// Sum over all ranks. Every rank's loss may depend on every rank's input, so the cotangent is summed over ranks too.
///
/// The definition here is the one of a single rank; an executor of several ranks replaces it by its communicator's.
public record AllReduce() implements Op {

    @Override
    public Type infer(List<Type> inputs) {
        return Type.floats(inputs.getFirst().shape());
    }

    @Override
    public List<@Nullable Node> vjp(Node node, Node cotangent) {
        return List.of(Expr.allReduce(cotangent));
    }

    @Override
    public void cpu(HostCall call) {
        HostView x = call.in(0);
        System.arraycopy(x.data(), x.offset(), call.out().data(), call.out().offset(), x.volume());
    }

    @Override
    public List<Sample> samples() {
        return List.of(Sample.of(this, Sample.floats(3, 4)));
    }
}
