package org.iolaus.verify;

import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigReader;
import org.iolaus.config.Records;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5File;
import org.iolaus.ir.Program;
import org.iolaus.model.AllPairs;
import org.iolaus.model.Architecture;
import org.iolaus.model.Architecture.AttentionScope;
import org.iolaus.model.Architecture.Compatibility;
import org.iolaus.model.AttentionEdges;
import org.iolaus.model.Inputs;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.jspecify.annotations.Nullable;

/// A HydraGNN model, its parameters, a batch, and what the reference made of it.
public final class GoldenCase implements ReferenceCase {
    private static final String WRAPPER = "model.";
    private static final String PER_GRAPH = "_per_graph";

    private final Hdf5File file;
    private final String group;
    private final Config config;
    private @Nullable Model model;

    public GoldenCase(Hdf5File file, String group) {
        this.file = file;
        this.group = group;
        this.config = ConfigReader.fromJson(file.string(path("config_json")));
    }

    @Override
    public Optional<String> unsupported() {
        return ConfigReader.unsupported(config);
    }

    @Override
    public Parameters parameters() {
        return model().parameters();
    }

    @Override
    public Program program() {
        return model().check(training());
    }

    /// The model, with the reference's oddities, but without its dropout, which the files do without, too.
    private Model model() {
        Model known = model;
        if (known == null) {
            known = build();
            model = known;
        }
        return known;
    }

    private Model build() {
        Architecture given = config.neuralNetwork().architecture();
        AttentionScope scope = group.endsWith(PER_GRAPH) ? AttentionScope.GRAPH : AttentionScope.BATCH;
        Architecture architecture = Records.with(given, "compatibility", Compatibility.HYDRAGNN);
        architecture = Records.with(architecture, "attention.globalAttnScope", scope);
        architecture = Records.with(architecture, "attention.globalAttnDropout", 0.0);
        String attributes = inputs("graph_attr");
        int width = file.exists(attributes) ? columns(attributes) : 0;
        return new Model(architecture, config.neuralNetwork().training().lossFunctionType(), width);
    }

    private boolean training() {
        return switch (file.string(path("mode"))) {
            case "train" -> true;
            case "eval" -> false;
            default ->
                throw new DataException(
                        file.name() + ", " + path("mode") + ": want train or eval, got " + file.string(path("mode")));
        };
    }

    @Override
    public List<String> arrays(String folder) {
        if (!file.isGroup(path(folder))) {
            return List.of();
        }
        return file.datasets(path(folder)).stream().map(GoldenCase::unwrapped).toList();
    }

    @Override
    public HostTensor array(String folder, String name) {
        String wrapped = path(folder) + "/" + WRAPPER + name;
        return tensor(file.exists(wrapped) ? wrapped : path(folder) + "/" + name);
    }

    @Override
    public Map<String, HostTensor> state() {
        String folder = shared("params_from") + "params";
        Map<String, HostTensor> values = new LinkedHashMap<>();
        file.datasets(folder).forEach(name -> values.put(unwrapped(name), tensor(folder + "/" + name)));
        return values;
    }

    @Override
    public Batch batch() {
        Model model = model();
        Map<String, HostTensor> floats = new HashMap<>();
        Map<String, Index> indices = new HashMap<>();
        int[] graph = file.ints(inputs("batch"));
        int atoms = graph.length;
        int graphs = Arrays.stream(graph).max().orElse(-1) + 1;
        for (String name : file.datasets(shared("inputs_from") + "inputs")) {
            if (name.equals(Inputs.X)
                    || name.equals(Inputs.POSITIONS)
                    || name.equals(Inputs.ENCODINGS)
                    || name.equals(Inputs.GRAPH_ATTR)
                    || name.equals(Inputs.ENERGY)
                    || name.equals(Inputs.FORCES)
                    || name.startsWith("y_head_")) {
                floats.put(name, tensor(inputs(name)));
            }
        }
        floats.put(Inputs.ATOM_WEIGHT, ones(atoms));
        floats.put(Inputs.GRAPH_WEIGHT, ones(graphs));
        floats.put(Inputs.ATOMS_TOTAL, HostTensor.scalar(atoms));
        floats.put(Inputs.GRAPHS_TOTAL, HostTensor.scalar(graphs));
        floats.put(Inputs.RANKS, HostTensor.scalar(1));
        indices.put(Inputs.GRAPH, new Index(graph, graphs));
        Integer atomsPerGraph = model.architecture().dimensions().numNodes();
        if (atomsPerGraph != null && atomsPerGraph * graphs == atoms) {
            int[] byIndex = IntStream.range(0, atoms)
                    .map(i -> i % graphs * atomsPerGraph + i / graphs)
                    .toArray();
            indices.put(Inputs.NODES_BY_INDEX, new Index(byIndex, atoms));
        }
        AttentionEdges attention = model.attentionEdges();
        if (attention != null) {
            AllPairs pairs = attention.pairs(graph);
            indices.put(Inputs.ATTENTION_SOURCE, new Index(pairs.source(), atoms));
            indices.put(Inputs.ATTENTION_TARGET, new Index(pairs.target(), atoms));
        }
        if (model.wantsAllPairs()) {
            AllPairs pairs = AllPairs.of(graph);
            putEdges(pairs.source(), pairs.target(), atoms, indices);
            floats.put(Inputs.EDGE_SHIFT, zeros(pairs.source().length, 3));
        } else {
            putGivenEdges(model.firstEndReceives(), atoms, floats, indices);
        }
        return new Batch(floats, indices);
    }

    /// The file's edges, sorted by the end that receives.
    private void putGivenEdges(
            boolean firstReceives, int atoms, Map<String, HostTensor> floats, Map<String, Index> indices) {
        int[] both = file.ints(inputs("edge_index"));
        int edges = both.length / 2;
        int[] first = Arrays.copyOfRange(both, 0, edges);
        int[] second = Arrays.copyOfRange(both, edges, 2 * edges);
        int[] target = firstReceives ? first : second;
        int[] source = firstReceives ? second : first;
        int[] order = IntStream.range(0, edges)
                .boxed()
                .sorted(Comparator.comparingInt(e -> target[e]))
                .mapToInt(e -> e)
                .toArray();
        putEdges(pick(source, order), pick(target, order), atoms, indices);
        HostTensor shift = rows(tensor(inputs("edge_shifts")), order, firstReceives ? 1 : -1);
        floats.put(Inputs.EDGE_SHIFT, shift);
        if (file.exists(inputs(Inputs.EDGE_ATTR))) {
            floats.put(Inputs.EDGE_ATTR, rows(tensor(inputs(Inputs.EDGE_ATTR)), order, 1));
        }
    }

    private static void putEdges(int[] source, int[] target, int atoms, Map<String, Index> indices) {
        indices.put(Inputs.EDGE_SOURCE, new Index(source, atoms));
        indices.put(Inputs.EDGE_TARGET, new Index(target, atoms));
    }

    private static int[] pick(int[] values, int[] order) {
        return Arrays.stream(order).map(i -> values[i]).toArray();
    }

    private static HostTensor rows(HostTensor values, int[] order, double factor) {
        int width = values.shape()[1];
        double[] picked = new double[values.data().length];
        for (int i = 0; i < order.length; i++) {
            for (int c = 0; c < width; c++) {
                picked[i * width + c] = factor * values.data()[order[i] * width + c];
            }
        }
        return new HostTensor(values.shape(), picked);
    }

    private static HostTensor ones(int rows) {
        double[] data = new double[rows];
        Arrays.fill(data, 1);
        return new HostTensor(new int[] {rows, 1}, data);
    }

    private static HostTensor zeros(int rows, int columns) {
        return new HostTensor(new int[] {rows, columns}, new double[rows * columns]);
    }

    private int columns(String dataset) {
        int[] shape = file.shape(dataset);
        if (shape.length != 2) {
            throw new DataException(file.name() + ", " + dataset + ": want two axes, got " + Arrays.toString(shape));
        }
        return shape[1];
    }

    private HostTensor tensor(String dataset) {
        return new HostTensor(file.shape(dataset), file.doubles(dataset));
    }

    private String inputs(String name) {
        return shared("inputs_from") + "inputs/" + name;
    }

    /// Folder of the case that holds what this one shares with it; this one's if it shares nothing.
    private String shared(String key) {
        String other = file.exists(path(key)) ? file.string(path(key)) : null;
        return other == null ? path("") : other + "/";
    }

    private String path(String name) {
        return group.isEmpty() ? name : group + "/" + name;
    }

    private static String unwrapped(String name) {
        return name.startsWith(WRAPPER) ? name.substring(WRAPPER.length()) : name;
    }
}
