package org.iolaus.train.engine;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.data.DataException;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.nn.Parameters.Spec;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.optimize.Optimizer;
import org.jspecify.annotations.Nullable;

/// The values of a model on this rank: what is trained lies in one flat array, in the order of creation; frozen weights
/// and buffers lie in another. Beside it there may be another state, whose trained values are averages over the steps.
public final class ModelState implements CpuExecutor.ParameterSource {
    private final Parameters parameters;
    private final double[] trained;
    private final double[] fixed;
    private final Map<String, HostView> views = new LinkedHashMap<>();
    private @Nullable ModelState average;

    /// First values from a seed.
    public ModelState(Parameters parameters, long seed) {
        this(parameters, parameters.initial(seed));
    }

    /// Given values.
    ///
    /// @throws DataException if names or shapes are not those of the model
    public ModelState(Parameters parameters, Map<String, HostTensor> values) {
        this.parameters = parameters;
        int[] sizes = new int[2];
        for (Spec spec : parameters.specs().values()) {
            sizes[spec.role() == Role.TRAINED ? 0 : 1] += spec.size();
        }
        trained = new double[sizes[0]];
        fixed = new double[sizes[1]];
        int[] next = new int[2];
        for (Spec spec : parameters.specs().values()) {
            int kind = spec.role() == Role.TRAINED ? 0 : 1;
            views.put(spec.name(), new HostView(kind == 0 ? trained : fixed, next[kind], spec.extents()));
            next[kind] += spec.size();
        }
        requireNames(values);
        values.forEach(this::set);
    }

    private void requireNames(Map<String, HostTensor> values) {
        TreeSet<String> missing = new TreeSet<>(views.keySet());
        missing.removeAll(values.keySet());
        TreeSet<String> unknown = new TreeSet<>(values.keySet());
        unknown.removeAll(views.keySet());
        if (!missing.isEmpty() || !unknown.isEmpty()) {
            throw new DataException("model values: want exactly the model's parameters and buffers, got none for "
                    + missing + " and unknown ones " + unknown);
        }
    }

    public Parameters parameters() {
        return parameters;
    }

    /// All that is trained, one parameter after another.
    public double[] trained() {
        return trained;
    }

    /// The state whose trained values are averages; it begins as a copy of this one when it is first asked for.
    public ModelState average() {
        ModelState kept = average;
        if (kept == null) {
            kept = new ModelState(parameters, values(snapshot()));
            average = kept;
        }
        return kept;
    }

    /// The state to measure the model with: the average, where one is kept.
    public ModelState evaluated() {
        return average == null ? this : average;
    }

    /// One step of the average: `average += (1 - decay) (trained - average)`.
    void moveAverage(double decay) {
        double[] averages = average().trained;
        double share = 1 - decay;
        for (int i = 0; i < trained.length; i++) {
            averages[i] += share * (trained[i] - averages[i]);
        }
    }

    /// Where a trained parameter begins in [#trained].
    int offset(String name) {
        return find(name).offset();
    }

    /// The parts of [#trained] that belong to certain parameters.
    List<Optimizer.Range> ranges(Predicate<Spec> wanted) {
        return parameters.specs().values().stream()
                .filter(spec -> spec.role() == Role.TRAINED && wanted.test(spec))
                .map(spec -> new Optimizer.Range(offset(spec.name()), offset(spec.name()) + spec.size()))
                .toList();
    }

    @Override
    public HostView find(String name) {
        HostView view = views.get(name);
        if (view == null) {
            throw new DataException("model values: want one of " + views.keySet() + ", got " + name);
        }
        return view;
    }

    /// Whether the model has a parameter or buffer of this name.
    public boolean has(String name) {
        return views.containsKey(name);
    }

    public void set(String name, HostTensor value) {
        HostView view = find(name);
        if (!Arrays.equals(view.shape(), value.shape())) {
            throw new DataException("model values: want " + name + " of shape " + Arrays.toString(view.shape())
                    + ", got " + Arrays.toString(value.shape()));
        }
        System.arraycopy(value.data(), 0, view.data(), view.offset(), value.data().length);
    }

    /// A copy of everything, by name.
    public Checkpoint.Model snapshot() {
        ModelState kept = average;
        return Checkpoint.Model.of(parameters, this::copy, kept == null ? null : kept::copy);
    }

    private HostTensor copy(String name) {
        HostView view = find(name);
        int from = view.offset();
        return new HostTensor(view.shape(), Arrays.copyOfRange(view.data(), from, from + view.volume()));
    }

    /// Takes up the values of a model of these parameters.
    public void set(Checkpoint.Model model) {
        values(model).forEach(this::set);
        if (!model.averages().isEmpty()) {
            ModelState averages = average();
            model.averages().forEach(averages::set);
            model.buffers().forEach(averages::set);
        }
    }

    /// The values of a checkpoint with which its training goes on, parameters and buffers together.
    public static Map<String, HostTensor> values(Checkpoint.Model model) {
        Map<String, HostTensor> all = new HashMap<>(model.parameters());
        all.putAll(model.buffers());
        return all;
    }

    /// The values of a checkpoint to measure and predict with: averages, where it has some.
    public static Map<String, HostTensor> evaluated(Checkpoint.Model model) {
        Map<String, HostTensor> all = values(model);
        all.putAll(model.averages());
        return all;
    }
}
