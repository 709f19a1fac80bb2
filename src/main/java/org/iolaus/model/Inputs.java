package org.iolaus.model;

import java.util.ArrayList;
import java.util.List;
import org.iolaus.ir.Node;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// The inputs of a model's programs. A program reads only those that it needs (`program.inputs()`).
///
/// Padding is one graph at the end with ordinary atoms and edges; only the weights tell it from the others.
///
/// | name | shape | meaning |
/// | --- | --- | --- |
/// | `x` | (N, F) | node features |
/// | `atomic_number` | N -> 119 | with an element embedding or reference energies |
/// | `pos` | (N, 3) | positions, Å |
/// | `graph` | N -> G | each atom's graph |
/// | `edge_source`, `edge_target` | E -> N | sender and receiver, sorted by receiver |
/// | `edge_shift` | (E, 3) | added to the sender's position, Å |
/// | `edge_attr` | (E, D) | edge features |
/// | `attention_source`, `attention_target`, `attention_shift` | A -> N, A -> N, (A, 3) | the same for the
/// edges of a global attention that has its own |
/// | `pe` | (N, P) | encodings of positions in the graph, for GPS |
/// | `graph_attr` | (G, A) | graph attributes |
/// | `branch` | G -> B | each graph's branch (dataset) of the heads |
/// | `nodes_by_index` | P*G -> N | for `mlp_per_node` with P atoms per graph: the first atom of every graph,
/// then the second of every graph, ... |
/// | `y_head_i` | (G, W) or (N, W) | target of head i |
/// | `energy` | (G, 1) | target, eV |
/// | `forces` | (N, 3) | target, eV/Å |
/// | `atom_weight` | (N, 1) | 1; 0 for padding |
/// | `graph_weight` | (G, 1) | 1; 0 for padding |
/// | `atoms_total`, `graphs_total` | () | over all ranks, without padding |
/// | `ranks` | () | number of ranks |
/// | `rng_key` | (2) | whole numbers below 2^24 on which all that is random depends |
public final class Inputs {
    public static final String X = "x";
    public static final String ATOMIC_NUMBER = "atomic_number";
    public static final String POSITIONS = "pos";
    public static final String GRAPH = "graph";
    public static final String EDGE_SOURCE = "edge_source";
    public static final String EDGE_TARGET = "edge_target";
    public static final String EDGE_SHIFT = "edge_shift";
    public static final String EDGE_ATTR = "edge_attr";
    public static final String GRAPH_ATTR = "graph_attr";
    public static final String BRANCH = "branch";
    public static final String NODES_BY_INDEX = "nodes_by_index";
    public static final String ENERGY = "energy";
    public static final String FORCES = "forces";
    public static final String ATOM_WEIGHT = "atom_weight";
    public static final String GRAPH_WEIGHT = "graph_weight";
    public static final String ATOMS_TOTAL = "atoms_total";
    public static final String GRAPHS_TOTAL = "graphs_total";
    public static final String RANKS = "ranks";
    /// What the inputs of a list of pairs begin with, by the symbol of their number.
    private static String list(String symbol) {
        return switch (symbol) {
            case "E" -> "edge";
            case "A" -> "attention";
            default -> symbol;
        };
    }

    /// The input with the sources of a list of pairs; likewise `target` and `shift`.
    public static String source(String symbol) {
        return list(symbol) + "_source";
    }

    public static String target(String symbol) {
        return list(symbol) + "_target";
    }

    public static String shift(String symbol) {
        return list(symbol) + "_shift";
    }

    public static final String ATTENTION_SOURCE = "attention_source";
    public static final String ATTENTION_TARGET = "attention_target";
    public static final String ATTENTION_SHIFT = "attention_shift";
    public static final String RNG_KEY = "rng_key";
    public static final String ENCODINGS = "pe";

    /// Atomic numbers run from 1 to 118.
    public static final int ELEMENTS = 119;

    /// The symbols of all sizes.
    public static final List<String> SYMBOLS = List.of("N", "E", "G", "A");

    static final Dim N = Dim.symbol("N");
    static final Dim E = Dim.symbol("E");
    static final Dim G = Dim.symbol("G");
    static final Dim A = Dim.symbol("A");

    final Node x;
    final Node atomicNumber = Expr.index(ATOMIC_NUMBER, N, Dim.of(ELEMENTS));
    final Node positions = Expr.input(POSITIONS, Shape.of(N, 3));
    final Node graph = Expr.index(GRAPH, N, G);
    final Node edgeSource = Expr.index(EDGE_SOURCE, E, N);
    final Node edgeTarget = Expr.index(EDGE_TARGET, E, N);
    final Node edgeShift = Expr.input(EDGE_SHIFT, Shape.of(E, 3));
    final Node edgeAttr;
    final Node encodings;
    final Node graphAttr;
    final Node branch;
    final Node nodesByIndex;
    final List<Node> targets = new ArrayList<>();
    final Node energy = Expr.input(ENERGY, Shape.of(G, 1));
    final Node forces = Expr.input(FORCES, Shape.of(N, 3));
    final Node atomWeight = Expr.input(ATOM_WEIGHT, Shape.of(N, 1));
    final Node graphWeight = Expr.input(GRAPH_WEIGHT, Shape.of(G, 1));
    final Node atomsTotal = Expr.input(ATOMS_TOTAL, Shape.SCALAR);
    final Node graphsTotal = Expr.input(GRAPHS_TOTAL, Shape.SCALAR);
    final Node ranks = Expr.input(RANKS, Shape.SCALAR);
    final Node attentionSource = Expr.index(ATTENTION_SOURCE, A, N);
    final Node attentionTarget = Expr.index(ATTENTION_TARGET, A, N);
    final Node attentionShift = Expr.input(ATTENTION_SHIFT, Shape.of(A, 3));
    final Node rngKey = Expr.input(RNG_KEY, Shape.of(2));

    /// @param encodingWidth columns of the encodings; likewise `graphAttributes`
    Inputs(Architecture architecture, int encodingWidth, int graphAttributes) {
        Architecture.Dimensions sizes = architecture.dimensions();
        x = Expr.input(X, Shape.of(N, sizes.inputDim()));
        edgeAttr = Expr.input(EDGE_ATTR, Shape.of(E, architecture.edgeWidth()));
        encodings = Expr.input(ENCODINGS, Shape.of(N, encodingWidth));
        graphAttr = Expr.input(GRAPH_ATTR, Shape.of(G, graphAttributes));
        branch = Expr.index(BRANCH, G, Dim.of(branches(architecture)));
        nodesByIndex = Expr.index(NODES_BY_INDEX, G.times(Dim.of(sizes.numNodes() == null ? 1 : sizes.numNodes())), N);
        for (int i = 0; i < sizes.outputType().size(); i++) {
            Dim rows = sizes.outputType().get(i) == Architecture.Level.GRAPH ? G : N;
            targets.add(Expr.input(target(i), Shape.of(rows, sizes.outputDim().get(i))));
        }
    }

    /// Name of the target of head `i`.
    public static String target(int i) {
        return "y_head_" + i;
    }

    /// Number of branches of the heads.
    static int branches(Architecture architecture) {
        Architecture.OutputHeads heads = architecture.outputHeads();
        return heads.graph().isEmpty()
                ? Math.max(1, heads.node().size())
                : heads.graph().size();
    }
}
