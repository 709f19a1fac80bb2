package org.iolaus.verify;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.iolaus.attention.equiformer.EdgeFrames;
import org.iolaus.data.DataException;
import org.iolaus.data.Hdf5File;
import org.iolaus.grad.Gradient;
import org.iolaus.ir.Node;
import org.iolaus.ir.Program;
import org.iolaus.model.Model;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.so3.EdgeFrame;
import org.iolaus.op.Expr;
import org.iolaus.so3.CoefficientMapping;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The EquiformerV2 network or one module of it, with inputs, parameters and cotangents of the outputs.
///
/// The loss is the sum over outputs of `sum(output * cotangent)`. The beginning of a group's name says which
/// module it is ([EquiformerModules]); all else is in its configuration.
final class EquiformerCase implements ReferenceCase {
    private static final JsonMapper JSON = JsonMapper.shared();
    private static final String SOURCE = "edge_source";
    private static final String TARGET = "edge_target";
    private static final String ELEMENTS = "atomic_numbers";
    private static final String GRAPH = "batch";

    private final Hdf5File file;
    private final String group;
    private final JsonNode settings;
    private final Parameters parameters = new Parameters();
    private final Map<String, Node> nodes = new HashMap<>();
    private @Nullable Program program;

    EquiformerCase(Hdf5File file, String group) {
        this.file = file;
        this.group = group;
        this.settings = JSON.readTree(file.string(path("config_json")));
    }

    /// Whether a case of a file is one of these.
    static boolean recognises(Hdf5File file, String group) {
        String config = group.isEmpty() ? "config_json" : group + "/config_json";
        return EquiformerModules.recognises(group, JSON.readTree(file.string(config)));
    }

    @Override
    public Optional<String> unsupported() {
        return Optional.empty();
    }

    @Override
    public Parameters parameters() {
        program();
        return parameters;
    }

    @Override
    public Program program() {
        Program known = program;
        if (known == null) {
            known = build();
            program = known;
        }
        return known;
    }

    private Program build() {
        EquiformerModules modules = new EquiformerModules(settings, new Inputs(), parameters.root());
        Map<String, Node> outputs = new LinkedHashMap<>(modules.outputs(group));
        Node loss = Expr.constant(0);
        for (Map.Entry<String, Node> output : outputs.entrySet()) {
            String name = "cotangent_" + output.getKey();
            Node cotangent = Expr.input(name, output.getValue().shape());
            nodes.put(name, cotangent);
            loss = Expr.add(loss, Expr.sumAll(Expr.mul(output.getValue(), cotangent)));
        }
        List<String> names = new ArrayList<>();
        List<Node> sources = new ArrayList<>();
        parameters.specs().keySet().forEach(name -> {
            names.add(Model.GRADIENT + name);
            sources.add(parameters.node(name));
        });
        for (String input : arrays("grads_inputs")) {
            Node node = nodes.get(input);
            if (node == null) {
                throw new DataException(file.name() + ", " + path("grads_inputs/" + input)
                        + ": want the gradient of one of " + nodes.keySet() + ", got another");
            }
            names.add("grads_inputs/" + input);
            sources.add(node);
        }
        List<Node> gradients = Gradient.of(loss, sources);
        outputs.put(Model.LOSS, loss);
        for (int i = 0; i < names.size(); i++) {
            outputs.put(names.get(i), gradients.get(i));
        }
        return Program.of(outputs);
    }

    /// What modules read of a case.
    final class Inputs {

        boolean has(String name) {
            return file.exists(path("inputs/" + name));
        }

        /// Numbers; the first axis has the size `rows`.
        Node array(String name, String rows) {
            return nodes.computeIfAbsent(name, key -> {
                List<Dim> dims = new ArrayList<>();
                for (int extent : file.shape(path("inputs/" + key))) {
                    dims.add(dims.isEmpty() ? Dim.symbol(rows) : Dim.of(extent));
                }
                return Expr.input(key, new Shape(dims));
            });
        }

        Node source() {
            return index(SOURCE, "E", Dim.symbol("N"));
        }

        Node target() {
            return index(TARGET, "E", Dim.symbol("N"));
        }

        Node graph() {
            return index(GRAPH, "N", Dim.symbol("G"));
        }

        /// @param count the elements' numbers are below
        Node elements(int count) {
            return index(ELEMENTS, "N", Dim.of(count));
        }

        private Node index(String name, String length, Dim range) {
            return nodes.computeIfAbsent(name, key -> Expr.index(key, Dim.symbol(length), range));
        }

        /// The frames that the rotation matrices of the edges give.
        EdgeFrames frames(CoefficientMapping mapping) {
            return new EdgeFrames(EdgeFrame.given(array("edge_rot_mat", "E"), mapping), mapping);
        }
    }

    @Override
    public Batch batch() {
        Map<String, HostTensor> floats = new HashMap<>();
        Map<String, Index> indices = new HashMap<>();
        program().inputs().keySet().forEach(name -> {
            switch (name) {
                case SOURCE, TARGET -> {
                    int[] both = ints("edge_index");
                    int half = both.length / 2;
                    int from = name.equals(SOURCE) ? 0 : half;
                    indices.put(name, new Index(Arrays.copyOfRange(both, from, from + half), atoms()));
                }
                case ELEMENTS -> indices.put(name, new Index(ints(ELEMENTS), range(name)));
                case GRAPH -> {
                    int[] graph = ints(GRAPH);
                    indices.put(
                            name, new Index(graph, Arrays.stream(graph).max().orElse(-1) + 1));
                }
                default -> floats.put(name, array("inputs", name));
            }
        });
        return new Batch(floats, indices);
    }

    private int atoms() {
        return ints(ELEMENTS).length;
    }

    private int range(String index) {
        return Objects.requireNonNull(nodes.get(index)).type().indexRange().intValue();
    }

    private int[] ints(String name) {
        return file.ints(path("inputs/" + name));
    }

    @Override
    public List<String> arrays(String folder) {
        return file.isGroup(path(folder)) ? file.datasets(path(folder)) : List.of();
    }

    @Override
    public HostTensor array(String folder, String name) {
        return ReferenceCase.tensor(file, path(folder + "/" + name));
    }

    @Override
    public Map<String, HostTensor> state() {
        return ReferenceCase.tensors(file, path("params"));
    }

    private String path(String name) {
        return group.isEmpty() ? name : group + "/" + name;
    }
}
