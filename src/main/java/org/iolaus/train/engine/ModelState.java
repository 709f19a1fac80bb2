package org.iolaus.train.engine;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeSet;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.data.DataException;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Spec;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.HostView;
import org.iolaus.train.checkpoint.Checkpoint;
import org.jspecify.annotations.Nullable;

/// The values of a model on this rank, in one flat array that is laid out as [FlatLayout] says. Beside it there may be
/// another state, whose trained values are averages over the steps.
public final class ModelState implements CpuExecutor.ParameterSource {
    private final Parameters parameters;
    private final FlatLayout layout;
    private final double[] values;
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
        this.layout = new FlatLayout(parameters);
        this.values = new double[Math.toIntExact(layout.size())];
        for (Spec spec : parameters.specs().values()) {
            int start = (int) layout.range(spec.name()).start();
            views.put(spec.name(), new HostView(this.values, start, spec.extents()));
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

    FlatLayout layout() {
        return layout;
    }

    /// All numbers, as [#layout] places them.
    double[] values() {
        return values;
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
