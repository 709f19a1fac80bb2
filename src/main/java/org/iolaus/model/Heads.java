package org.iolaus.model;

import static org.iolaus.model.Require.ARCHITECTURE;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.iolaus.ir.Node;
import org.iolaus.model.Architecture.GraphBranch;
import org.iolaus.model.Architecture.GraphHead;
import org.iolaus.model.Architecture.Level;
import org.iolaus.model.Architecture.NodeBranch;
import org.iolaus.model.Architecture.NodeHead;
import org.iolaus.model.Architecture.NodeHeadType;
import org.iolaus.model.Architecture.OutputHeads;
import org.iolaus.mpnn.MessagePassing;
import org.iolaus.nn.Activation;
import org.iolaus.nn.Initializer;
import org.iolaus.nn.Loss;
import org.iolaus.nn.Mlp;
import org.iolaus.nn.Scope;
import org.iolaus.op.Expr;
import org.iolaus.tensor.Shape;
import org.jspecify.annotations.Nullable;

/// Makes the heads. Each branch (dataset) has its own layers, and each graph gets the result of its branch.
final class Heads {
    private static final String KEYS = ARCHITECTURE + "output_heads.";

    private final Architecture architecture;
    private final Inputs inputs;
    private final Scope root;
    private final MessagePassing messagePassing;
    private final GlobalAttention.Layers attention;
    private final Activation activation;
    private final int outputsPerColumn;
    private final List<Mlp> shared = new ArrayList<>();

    /// @param variances whether each head gives a variance beside each value
    Heads(
            Architecture architecture,
            Inputs inputs,
            Scope root,
            MessagePassing messagePassing,
            GlobalAttention.Layers attention,
            Activation activation,
            boolean variances) {
        this.architecture = architecture;
        this.inputs = inputs;
        this.root = root;
        this.messagePassing = messagePassing;
        this.attention = attention;
        this.activation = activation;
        this.outputsPerColumn = variances ? 2 : 1;
    }

    List<Head> build() {
        List<Level> levels = architecture.dimensions().outputType();
        if (attention.head(levels.getFirst()) != null) {
            Require.that(
                    outputsPerColumn == 1,
                    "NeuralNetwork.Training.loss_function_type",
                    "a loss without variances for the heads of the global attention",
                    Loss.GAUSSIAN_NLL);
            return levels.stream()
                    .map(level -> Objects.requireNonNull(attention.head(level)))
                    .toList();
        }
        check(levels);
        for (GraphBranch branch : architecture.outputHeads().graph()) {
            int width = branch.architecture().dimSharedlayers();
            int[] widths = new int[branch.architecture().numSharedlayers() + 1];
            Arrays.fill(widths, width);
            widths[0] = architecture.hiddenDim();
            shared.add(Mlp.of(root.at("graph_shared").at(branch.type()), activation, true, widths));
        }
        List<Head> heads = new ArrayList<>();
        ConvolutionHeads convolutions = null;
        for (int i = 0; i < levels.size(); i++) {
            if (levels.get(i) == Level.GRAPH) {
                heads.add(graphHead(i));
            } else if (architecture
                            .outputHeads()
                            .node()
                            .getFirst()
                            .architecture()
                            .type()
                    == NodeHeadType.CONV) {
                convolutions = convolutions == null ? convolutionHeads() : convolutions;
                heads.add(convolutions.head(i));
            } else {
                heads.add(nodeHead(i));
            }
        }
        return heads;
    }

    private void check(List<Level> levels) {
        OutputHeads heads = architecture.outputHeads();
        for (Level level : levels) {
            boolean missing = (level == Level.GRAPH ? heads.graph() : heads.node()).isEmpty();
            Require.present(KEYS + Require.text(level), missing ? null : heads, "a " + Require.text(level) + " output");
        }
        for (GraphBranch branch : heads.graph()) {
            GraphHead head = branch.architecture();
            Require.positive(KEYS + "graph.num_sharedlayers", head.numSharedlayers());
            Require.positive(KEYS + "graph.dim_sharedlayers", head.dimSharedlayers());
            checkLayers("graph", head.numHeadlayers(), head.dimHeadlayers());
        }
        for (NodeBranch branch : heads.node()) {
            NodeHead head = branch.architecture();
            checkLayers("node", head.numHeadlayers(), head.dimHeadlayers());
        }
    }

    private static void checkLayers(String level, int layers, List<Integer> widths) {
        Require.positive(KEYS + level + ".num_headlayers", layers);
        Require.sameLength(KEYS + level + ".dim_headlayers", widths, layers);
        widths.forEach(width -> Require.positive(KEYS + level + ".dim_headlayers", width));
    }

    private Head graphHead(int i) {
        List<Head> branches = new ArrayList<>();
        for (int b = 0; b < architecture.outputHeads().graph().size(); b++) {
            GraphBranch branch = architecture.outputHeads().graph().get(b);
            int[] widths = widths(
                    branch.architecture().dimSharedlayers(),
                    branch.architecture().dimHeadlayers(),
                    i);
            Double bias = architecture.initialBias();
            Initializer lastBias = bias == null ? null : Initializer.constant(bias);
            Mlp mlp = Mlp.of(place(i, branch.type()), activation, false, lastBias, widths);
            Mlp before = shared.get(b);
            branches.add(e -> mlp.apply(e.context().once(before, () -> before.apply(e.pooled()))));
        }
        return choose(branches, null);
    }

    private Head nodeHead(int i) {
        List<Head> branches = new ArrayList<>();
        for (NodeBranch branch : architecture.outputHeads().node()) {
            NodeHead layers = branch.architecture();
            int[] widths = widths(architecture.hiddenDim(), layers.dimHeadlayers(), i);
            Scope place = place(i, branch.type());
            activation.nameAt(place.at("activation_function"));
            if (layers.type() == NodeHeadType.MLP) {
                Mlp mlp = Mlp.of(place.at("mlp").at(0), activation, false, widths);
                branches.add(e -> mlp.apply(e.atoms().scalars()));
            } else {
                Integer atomsPerGraph = architecture.dimensions().numNodes();
                if (atomsPerGraph == null) {
                    throw new ModelException(
                            KEYS + "node: want graphs of one size for mlp_per_node, got different ones");
                }
                branches.add(new MlpPerNode(place.at("mlp"), activation, atomsPerGraph, inputs, widths));
            }
        }
        return choose(branches, inputs.graph);
    }

    private ConvolutionHeads convolutionHeads() {
        int branches = architecture.outputHeads().node().size();
        Require.that(branches == 1, KEYS + "node", "one branch for heads of type conv", branches);
        boolean single = architecture.numConvLayers() == 1;
        int in = single ? architecture.startWidth() : architecture.hiddenDim();
        int vectors = messagePassing.vectors(in, architecture.hiddenDim(), true);
        Require.that(
                vectors == 0 || vectors == architecture.hiddenDim(),
                ARCHITECTURE + "num_conv_layers",
                "at least 2 for " + architecture.mpnnType() + " with heads of type conv, whose vectors are hidden_dim"
                        + " wide",
                architecture.numConvLayers());
        return new ConvolutionHeads(architecture, root, messagePassing, activation, outputsPerColumn);
    }

    private Scope place(int head, String branch) {
        return root.at("heads_NN").at(head).at(branch);
    }

    private int[] widths(int in, List<Integer> hidden, int head) {
        int[] widths = new int[hidden.size() + 2];
        widths[0] = in;
        for (int i = 0; i < hidden.size(); i++) {
            widths[i + 1] = hidden.get(i);
        }
        widths[hidden.size() + 1] =
                outputsPerColumn * architecture.dimensions().outputDim().get(head);
        return widths;
    }

    /// Takes each row from the branch of its graph.
    ///
    /// @param graph each row's graph; null where rows are graphs
    private Head choose(List<Head> branches, @Nullable Node graph) {
        if (branches.size() == 1) {
            return branches.getFirst();
        }
        return encoding -> {
            Node result = null;
            for (int b = 0; b < branches.size(); b++) {
                Node rows = branches.get(b).apply(encoding);
                Node mask = mask(b, branches.size());
                Node chosen = graph == null ? mask : Expr.gather(mask, graph);
                result = result == null ? rows : Expr.where(chosen, rows, result);
            }
            return Objects.requireNonNull(result);
        };
    }

    /// (G, 1): 1 for the graphs of a branch, else 0
    private Node mask(int branch, int branches) {
        double[] column = new double[branches];
        column[branch] = 1;
        return Expr.gather(Expr.constant(Shape.of(branches, 1), column), inputs.branch);
    }
}
