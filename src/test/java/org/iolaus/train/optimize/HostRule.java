package org.iolaus.train.optimize;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.ir.Program;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.nn.Parameters.Spec;
import org.iolaus.op.Expr;
import org.iolaus.tensor.HostView;
import org.iolaus.tensor.Shape;
import org.iolaus.tensor.Sizes;

/// Steps of a rule on some parameters: the first one and matrices are weights, the others are biases.
final class HostRule {
    private static final String GRADIENT = "gradient";

    private final List<Update.Tensor> tensors = new ArrayList<>();
    private final Map<String, double[]> arrays = new HashMap<>();
    private final Update update;
    private final CpuExecutor executor;
    private long steps;

    HostRule(UpdateRule rule, double[]... parameters) {
        this(rule, List.of(), parameters);
    }

    /// @param undecayed groups without weight decay
    HostRule(UpdateRule rule, List<Group> undecayed, double[]... parameters) {
        this(rule, undecayed, shapes(parameters), parameters);
    }

    private static List<Shape> shapes(double[][] parameters) {
        return Arrays.stream(parameters).map(values -> Shape.of(values.length)).toList();
    }

    /// @param shapes of the parameters
    HostRule(UpdateRule rule, List<Group> undecayed, List<Shape> shapes, double[]... parameters) {
        int rows = 0;
        for (int i = 0; i < parameters.length; i++) {
            int own = (parameters[i].length + Update.ROW - 1) / Update.ROW;
            Group group = i == 0 || shapes.get(i).rank() > 1 ? Group.WEIGHTS : Group.BIASES;
            Spec spec = new Spec("p" + i, shapes.get(i), Role.TRAINED, group, Initializer.constant(0));
            tensors.add(new Update.Tensor(spec, rows, own));
            rows += own;
        }
        int size = rows * Update.ROW;
        Shape shape = Shape.of(rows, Update.ROW);
        update = new Update(tensors, spec -> !undecayed.contains(spec.group()), Expr.parameter(GRADIENT, shape), null);
        rule.update(update);
        executor = CpuExecutor.replacing(Program.of(update.stored()), CpuExecutor.Options.SINGLE);
        for (String name : List.of(Update.PARAMETERS, GRADIENT)) {
            arrays.put(name, new double[size]);
        }
        rule.slots().forEach(slot -> arrays.put(slot, new double[size]));
        put(Update.PARAMETERS, parameters);
    }

    private void put(String name, double[]... values) {
        for (int i = 0; i < values.length; i++) {
            System.arraycopy(values[i], 0, array(name), tensors.get(i).row() * Update.ROW, values[i].length);
        }
    }

    private double[] array(String name) {
        return Objects.requireNonNull(arrays.get(name), name);
    }

    void step(double learningRate, double[]... gradients) {
        put(GRADIENT, gradients);
        double[] numbers = update.numbers(++steps, learningRate);
        Map<String, HostView> leaves = new HashMap<>();
        for (int i = 0; i < numbers.length; i++) {
            leaves.put(Update.numberName(i), new HostView(numbers, i, new int[] {1, 1}));
        }
        executor.program().parameters().forEach((name, type) -> {
            if (arrays.containsKey(name)) {
                leaves.put(name, new HostView(array(name), 0, type.shape().bind(Sizes.NONE)));
            }
        });
        executor.run(Map.of(), update.indices(), name -> Objects.requireNonNull(leaves.get(name), name), (_, _) -> {});
    }

    double[] parameter(int i) {
        return slot(Update.PARAMETERS, i);
    }

    /// A parameter's part of a slot.
    double[] slot(String name, int i) {
        int start = tensors.get(i).row() * Update.ROW;
        return Arrays.copyOfRange(
                array(name), start, start + tensors.get(i).spec().size());
    }
}
