package org.iolaus.train.optimize;

import static org.iolaus.op.Expr.add;
import static org.iolaus.op.Expr.mul;
import static org.iolaus.op.Expr.scale;
import static org.iolaus.op.Expr.sub;
import static org.iolaus.op.Expr.where;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.iolaus.ir.Node;
import org.iolaus.nn.Parameters.Spec;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// One step of an optimizer as nodes: what a rule computes with, and what it has the step store.
///
/// Parameters, their gradient and the slots are flat arrays of one layout, (B, [#ROW]): a row holds numbers of one
/// parameter only, and is filled up with zeros, which stay so.
public final class Update {
    /// Numbers in a row.
    public static final int ROW = 64;
    /// Leaf and output of the parameters.
    public static final String PARAMETERS = "parameters";

    private static final String TENSOR = "tensor";

    private final List<Tensor> tensors;
    private final Predicate<Spec> decays;
    private final Node parameters;
    private final Node gradient;
    private final @Nullable Node guard;
    private final Map<String, Node> slots = new LinkedHashMap<>();
    private final Map<String, Node> stored = new LinkedHashMap<>();
    private final List<StepNumber> numbers = new ArrayList<>();
    private final Map<String, Node> indexNodes = new LinkedHashMap<>();
    private final Map<String, Index> indices = new LinkedHashMap<>();

    /// Rows `row <= i < row + rows` of the flat arrays.
    public record Tensor(Spec spec, int row, int rows) {}

    /// A number that is known before each step, without the gradient.
    public interface StepNumber {
        /// Its value.
        ///
        /// @param step number of the step, the first one being 1
        double of(long step, double learningRate);
    }

    /// @param tensors which together are all rows, in order
    /// @param decays whether weight decay is for a parameter
    /// @param gradient (B, ROW)
    /// @param guard (1, 1): where it is 0, nothing changes; null: everything always does
    public Update(List<Tensor> tensors, Predicate<Spec> decays, Node gradient, @Nullable Node guard) {
        this.tensors = List.copyOf(tensors);
        this.decays = decays;
        this.gradient = gradient;
        this.guard = guard;
        this.parameters = leaf(PARAMETERS);
    }

    /// A flat array of this layout.
    ///
    /// @param name under which it is bound
    public Node leaf(String name) {
        return Expr.parameter(name, gradient.shape());
    }

    // what a rule computes with

    public Node parameters() {
        return parameters;
    }

    public Node gradient() {
        return gradient;
    }

    /// The gradient plus `weightDecay` times the parameters that decay: decay as L2 regularisation.
    public Node gradientWithDecay(double weightDecay) {
        return weightDecay == 0 ? gradient : decayed(add(gradient, scale(parameters, weightDecay)), gradient);
    }

    /// The parameters, those that decay less `weightDecay` times the learning rate of themselves: decay apart
    /// from the gradient.
    public Node parametersAfterDecay(double weightDecay) {
        Node kept = number((step, rate) -> 1 - rate * weightDecay);
        return weightDecay == 0 ? parameters : decayed(mul(kept, parameters), parameters);
    }

    /// `with` where weight decay is for the parameter, else `without`.
    public Node decayed(Node with, Node without) {
        boolean all = tensors.stream().allMatch(tensor -> decays.test(tensor.spec));
        return all ? with : where(ofTensors(spec -> decays.test(spec) ? 1 : 0), with, without);
    }

    /// A slot before this step.
    public Node slot(String name) {
        return slots.computeIfAbsent(name, this::leaf);
    }

    /// A number of this step: (1, 1)
    public Node number(StepNumber number) {
        numbers.add(number);
        return Expr.parameter(numberName(numbers.size() - 1), Shape.of(1, 1));
    }

    /// `from + share * (to - from)`
    public static Node lerp(Node from, Node to, double share) {
        return add(from, scale(sub(to, from), share));
    }

    // tensor by tensor

    /// A number for each row, by its parameter: (B, 1)
    public Node ofTensors(ToDoubleFunction<Spec> value) {
        double[] values = tensors.stream()
                .mapToDouble(tensor -> value.applyAsDouble(tensor.spec))
                .toArray();
        return spread(Expr.constant(Shape.of(values.length, 1), values));
    }

    /// Sums of all numbers of a parameter: (B, ROW) -> (T, 1)
    public Node sumTensors(Node rows) {
        Node sums = Expr.sum(rows, 1);
        return rows() == 1 ? sums : Expr.segmentSum(sums, index(TENSOR, tensorOfRow(), tensors.size()));
    }

    /// Brings each parameter's value to its rows: (T, 1) -> (B, 1)
    public Node spread(Node values) {
        return gather(values, TENSOR, tensorOfRow());
    }

    /// The parameters, in order.
    public List<Tensor> tensors() {
        return tensors;
    }

    /// Rows of some parameters, one after another: (B, ROW) -> (rows, ROW)
    public Node take(Node rows, List<Tensor> wanted) {
        return gather(rows, "take " + indices.size(), rowsOf(wanted));
    }

    /// Puts rows of some parameters where these have theirs; what the others get means nothing: (rows, ROW) -> (B, ROW)
    public Node put(Node taken, List<Tensor> of) {
        int[] from = new int[rows()];
        int[] to = rowsOf(of);
        for (int i = 0; i < to.length; i++) {
            from[to[i]] = i;
        }
        return gather(taken, "put " + indices.size(), from);
    }

    private static int[] rowsOf(List<Tensor> some) {
        return some.stream()
                .flatMapToInt(tensor -> IntStream.range(tensor.row, tensor.row + tensor.rows))
                .toArray();
    }

    /// B
    private int rows() {
        return tensors.getLast().row + tensors.getLast().rows;
    }

    private int[] tensorOfRow() {
        int[] tensor = new int[rows()];
        for (int i = 0; i < tensors.size(); i++) {
            Arrays.fill(tensor, tensors.get(i).row, tensors.get(i).row + tensors.get(i).rows, i);
        }
        return tensor;
    }

    /// Loops have no axis for one row, so they can't look its index up.
    private Node gather(Node rows, String name, int[] from) {
        int range = rows.shape().dim(0).intValue();
        return from.length == 1 ? Expr.slice(rows, 0, from[0], 1) : Expr.gather(rows, index(name, from, range));
    }

    private Node index(String name, int[] values, int range) {
        indices.computeIfAbsent(name, _ -> new Index(values, range));
        return indexNodes.computeIfAbsent(name, _ -> Expr.index(name, Dim.of(values.length), Dim.of(range)));
    }

    // what the step stores

    /// Stores the next value of a slot.
    ///
    /// @return what to compute on with
    public Node store(String slot, Node value) {
        return store(slot, value, slot(slot));
    }

    /// Stores the next parameters; likewise.
    public Node move(Node value) {
        return store(PARAMETERS, value, parameters);
    }

    /// Stores the next value of any leaf.
    ///
    /// @param before the leaf
    /// @return what to compute on with
    public Node store(String name, Node value, Node before) {
        Node guarded = guard == null ? value : where(guard, value, before);
        stored.put(name, guarded);
        return guarded;
    }

    // what whoever runs the step asks

    /// What is stored, by the leaf that it replaces.
    public Map<String, Node> stored() {
        return Collections.unmodifiableMap(stored);
    }

    /// Leaf of a number of [#numbers].
    public static String numberName(int i) {
        return "number " + i;
    }

    /// The numbers of a step.
    public double[] numbers(long step, double learningRate) {
        return numbers.stream()
                .mapToDouble(number -> number.of(step, learningRate))
                .toArray();
    }

    /// How many numbers a step has.
    public int numberCount() {
        return numbers.size();
    }

    /// The index inputs, the same in each step.
    public Map<String, Index> indices() {
        return Collections.unmodifiableMap(indices);
    }
}
