package org.iolaus.lower;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iolaus.ir.Leaf;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.ir.Rewriter;
import org.iolaus.kernel.Loop;
import org.iolaus.lower.Schedule.Call;
import org.iolaus.lower.Schedule.Fused;
import org.iolaus.lower.Schedule.Step;
import org.iolaus.op.MatMul;
import org.iolaus.tensor.Dim;

/// The rule which arrays are stored in bfloat16. An array is bf16 if
///
/// 1. it has an extent of atoms, edges or the like, not only of graphs, and at least 16 numbers for each of them,
/// 2. a parameter enters it: what follows from positions and elements alone (distances, radial bases, Wigner
///    matrices) is not bf16,
/// 3. it is neither input, parameter, constant nor output of the program (so no gradient of a parameter is bf16),
/// 4. all that writes and reads it has a bf16 form:
///
/// | operation | what may be bf16 |
/// | --- | --- |
/// | fused loops | all that they read and write; they compute and sum in full |
/// | matrix product | both operands together, and then the result; sums in full |
/// | [BilinearProduct], [GatherBilinear], [BilinearSegmentSum] | features and result, not the coefficients of the map |
/// | [BilinearOuter] | both features, not the result |
/// | [GridActivation] | operands and result |
/// | [Sum] over other axes than a loop's | what is summed, not the result |
///
/// Operands of products of large arrays that are not bf16 by this (parameters, above all) are rounded to bf16
/// copies first, once for all products that read them ([Materialize]). So a gradient of positions follows from
/// bf16 cotangents of features, but the arrays from which it is summed up, three numbers for each edge or atom,
/// are not bf16.
final class Bf16Storage {
    private static final String GRAPHS = "G";
    private static final long LEAST_NUMBERS = 16;

    private final LowPrecision lowPrecision;
    private final Set<Node> learned = new HashSet<>();
    /// What cannot be bf16 because of who reads it.
    private final Set<Node> full = new HashSet<>();

    Bf16Storage(Program program, LowPrecision lowPrecision) {
        this.lowPrecision = lowPrecision;
        program.outputs().values().forEach(node -> full.add(MaterializeViews.owner(node)));
        for (Node node : program.nodes()) {
            boolean parameter = node.op() instanceof Leaf leaf && leaf.kind() == Leaf.Kind.PARAMETER;
            if (parameter || node.inputs().stream().anyMatch(learned::contains)) {
                learned.add(node);
            }
            for (int input = 0; input < node.inputs().size(); input++) {
                if (!readsBf16(node, input)) {
                    full.add(MaterializeViews.owner(node.input(input)));
                }
            }
        }
    }

    /// The program with bf16 operands for the products of large arrays.
    static Program operands(Program program, LowPrecision lowPrecision) {
        if (!lowPrecision.isBf16()) {
            return program;
        }
        Bf16Storage rule = new Bf16Storage(program, lowPrecision);
        Map<Node, Node> rounded = new HashMap<>();
        return new Rewriter() {
            @Override
            protected Node rewritten(Node node) {
                return rule.isBf16Product(node)
                        ? Node.of(
                                node.op(),
                                node.inputs().stream().map(this::bf16).toList())
                        : same(node);
            }

            private Node bf16(Node operand) {
                return rule.isWanted(MaterializeViews.owner(operand))
                        ? image(operand)
                        : rounded.computeIfAbsent(operand, _ -> Node.of(new Materialize(true), image(operand)));
            }
        }.rewrite(program);
    }

    /// Whether an array with memory of its own should be bf16, as far as it alone says.
    boolean isWanted(Node owner) {
        if (!lowPrecision.isBf16() || owner.type().isIndex() || full.contains(owner) || !writesBf16(owner)) {
            return false;
        }
        return (owner.op() instanceof Materialize copy && copy.rounded())
                || lowPrecision == LowPrecision.BF16_EVERYWHERE
                || (learned.contains(owner) && isLarge(owner) && numbers(owner).factor() >= LEAST_NUMBERS);
    }

    private boolean isBf16Product(Node node) {
        return node.op() instanceof MatMul
                && (lowPrecision == LowPrecision.BF16_EVERYWHERE
                        || isLarge(node)
                        || node.inputs().stream().anyMatch(Bf16Storage::isLarge));
    }

    private static Dim numbers(Node node) {
        return node.shape().volume();
    }

    private static boolean isLarge(Node node) {
        return isLarge(numbers(node));
    }

    /// Whether an extent has atoms, edges or the like.
    static boolean isLarge(Dim extent) {
        return extent.symbols().stream().anyMatch(symbol -> !symbol.equals(GRAPHS));
    }

    private static boolean inLoops(Node node) {
        return Fusion.isFusable(node, Target.DEVICE) || Fusion.isAssembled(node, Target.DEVICE) || Access.isView(node);
    }

    private static boolean writesBf16(Node node) {
        return inLoops(node) || node.op().writesBf16();
    }

    private static boolean readsBf16(Node user, int input) {
        return inLoops(user) || user.op().readsBf16(input);
    }

    /// Takes back what has to agree with something that is not bf16: the other operand of a product, the result of a
    /// product in full, the buffers of loops that are one step.
    ///
    /// @param bf16 by buffer, changed
    static void agree(List<Step> steps, boolean[] bf16) {
        boolean changed = true;
        while (changed) {
            changed = false;
            for (Step step : steps) {
                switch (step) {
                    case Call call
                    when call.op() instanceof MatMul -> {
                        changed |= allOrNone(call.inputs(), bf16);
                        changed |= !bf16[call.inputs().getFirst()] && take(call.out(), bf16);
                    }
                    case Call _ -> {}
                    case Fused fused -> {
                        for (List<Integer> alike : alike(fused.loops())) {
                            changed |= allOrNone(alike, bf16);
                        }
                    }
                }
            }
        }
    }

    /// The buffers that loops name in the same places.
    private static List<List<Integer>> alike(List<Loop> loops) {
        List<List<Integer>> places = new ArrayList<>();
        for (Loop loop : loops) {
            List<Integer> buffers = new ArrayList<>();
            loop.renumbered(buffers);
            for (int place = 0; place < buffers.size(); place++) {
                if (places.size() == place) {
                    places.add(new ArrayList<>());
                }
                places.get(place).add(buffers.get(place));
            }
        }
        return places;
    }

    private static boolean allOrNone(List<Integer> buffers, boolean[] bf16) {
        boolean changed = false;
        if (!buffers.stream().allMatch(buffer -> bf16[buffer])) {
            for (int buffer : buffers) {
                changed |= take(buffer, bf16);
            }
        }
        return changed;
    }

    private static boolean take(int buffer, boolean[] bf16) {
        boolean was = bf16[buffer];
        bf16[buffer] = false;
        return was;
    }
}
