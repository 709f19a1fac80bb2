package org.iolaus.nn;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Shape;

/// The parameters and buffers of a model, each with a name, a shape, a role and initial values.
///
/// A model makes its parameters once; all its programs share their nodes. Names are those of the reference's
/// state dict. If the reference reaches a module by several names, there is one parameter here and the other
/// names are aliases.
public final class Parameters {

    /// What training does with an array.
    public enum Role {
        /// the optimizer changes it
        TRAINED,
        /// a weight that keeps its value
        FROZEN,
        /// statistics and constants; a training step may set new values
        BUFFER
    }

    /// Groups of trained parameters; weight decay may leave some out.
    public enum Group {
        /// what multiplies features, and all that is in no other group
        WEIGHTS,
        /// what is added to features
        BIASES,
        /// scales and shifts after normalisations, scales of residual branches
        NORMS,
        /// rows that are looked up by a number such as the atomic number
        EMBEDDINGS
    }

    /// One parameter or buffer.
    ///
    /// @param group without meaning for a buffer
    public record Spec(String name, Shape shape, Role role, Group group, Initializer initializer) {

        public int[] extents() {
            return shape.dims().stream().mapToInt(dim -> dim.intValue()).toArray();
        }

        public int size() {
            return shape.volume().intValue();
        }
    }

    private final Map<String, Spec> specs = new LinkedHashMap<>();
    private final Map<String, Node> nodes = new LinkedHashMap<>();
    private final Map<String, String> aliases = new LinkedHashMap<>();

    /// The scope of names without a prefix.
    public Scope root() {
        return new Scope(this, "", List.of(), false);
    }

    /// All parameters and buffers by name, in order of creation.
    public Map<String, Spec> specs() {
        return Collections.unmodifiableMap(specs);
    }

    /// The parameter or buffer that each alias stands for.
    public Map<String, String> aliases() {
        return Collections.unmodifiableMap(aliases);
    }

    /// The node of a parameter or buffer.
    public Node node(String name) {
        Node node = nodes.get(name);
        if (node == null) {
            throw new IllegalArgumentException("Parameters: want one of " + nodes.keySet() + ", got " + name);
        }
        return node;
    }

    /// Number of values of a role.
    public long count(Role role) {
        return specs.values().stream()
                .filter(spec -> spec.role() == role)
                .mapToLong(Spec::size)
                .sum();
    }

    /// Initial values by name. Each parameter has its own generator, seeded by `seed` and its name, so a change
    /// elsewhere in the model does not change them.
    public Map<String, HostTensor> initial(long seed) {
        Map<String, HostTensor> values = new LinkedHashMap<>();
        for (Spec spec : specs.values()) {
            values.put(spec.name(), initial(spec, seed));
        }
        return values;
    }

    /// Initial values of one parameter.
    public static HostTensor initial(Spec spec, long seed) {
        HostTensor tensor = new HostTensor(spec.extents(), new double[spec.size()]);
        spec.initializer().fill(tensor.data(), tensor.shape(), new SplittableRandom(seed ^ hash(spec.name())));
        return tensor;
    }

    Node add(Spec spec) {
        if (specs.containsKey(spec.name()) || aliases.containsKey(spec.name())) {
            throw new IllegalArgumentException("Parameters: want a new name, got " + spec.name() + " twice");
        }
        Node node = Expr.parameter(spec.name(), spec.shape());
        specs.put(spec.name(), spec);
        nodes.put(spec.name(), node);
        return node;
    }

    void addAlias(String alias, String name) {
        String before = aliases.putIfAbsent(alias, name);
        if (specs.containsKey(alias) || (before != null && !before.equals(name))) {
            throw new IllegalArgumentException("Parameters: want a new name, got " + alias + " twice");
        }
    }

    /// 64-bit FNV-1a.
    private static long hash(String name) {
        long hash = 0xcbf29ce484222325L;
        for (int i = 0; i < name.length(); i++) {
            hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
        }
        return hash;
    }
}
