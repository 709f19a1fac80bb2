package org.iolaus.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import org.iolaus.atoms.Edges;
import org.iolaus.atoms.NeighbourList;
import org.iolaus.cpu.CpuExecutor;
import org.iolaus.ir.Program;
import org.iolaus.nn.Parameters;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.jspecify.annotations.Nullable;

/// Small systems for tests, and batches of them as programs take them.
final class Frames {

    private Frames() {}

    /// One system.
    ///
    /// @param elements atomic numbers
    /// @param positions (N, 3), Å
    /// @param cell (3, 3), Å; null in free space
    record Frame(int[] elements, double[] positions, double @Nullable [] cell) {
        Frame at(double[] moved) {
            return new Frame(elements, moved, cell);
        }
    }

    /// A batch.
    record Batch(Map<String, HostTensor> floats, Map<String, Index> indices) {
        Map<String, HostTensor> run(Program program, Map<String, HostTensor> parameters) {
            try (CpuExecutor executor = new CpuExecutor(program, CpuExecutor.Options.SINGLE)) {
                return executor.run(floats, indices, parameters);
            }
        }
    }

    /// Atoms in random places of a cube, none closer than 0.9 Å.
    static Frame random(SplittableRandom random, int atoms, double edgeAngstrom, boolean periodic) {
        double[] cell = {edgeAngstrom, 0, 0, 0.3, edgeAngstrom, 0, -0.2, 0.1, edgeAngstrom};
        int[] elements = new int[atoms];
        double[] positions = new double[3 * atoms];
        for (int i = 0; i < atoms; i++) {
            elements[i] = random.nextInt(1, 10);
            do {
                for (int k = 0; k < 3; k++) {
                    positions[3 * i + k] = random.nextDouble(edgeAngstrom);
                }
            } while (crowded(positions, i, periodic ? cell : null));
        }
        return new Frame(elements, positions, periodic ? cell : null);
    }

    private static boolean crowded(double[] positions, int atom, double @Nullable [] cell) {
        boolean[] periodic = {cell != null, cell != null, cell != null};
        double[] some = Arrays.copyOf(positions, 3 * (atom + 1));
        return NeighbourList.build(some, cell, periodic, 0.9, NeighbourList.UNLIMITED)
                        .size()
                > 0;
    }

    /// @param weight of each frame's graph and atoms: 1, or 0 for padding
    /// @param totals whether this batch is all there is; else how many graphs and atoms all ranks have
    static Batch batch(Model model, List<Frame> frames, double[] weight, int @Nullable [] totals, int ranks) {
        List<double[]> x = new ArrayList<>();
        List<Double> positions = new ArrayList<>();
        List<Double> shift = new ArrayList<>();
        List<Integer> elements = new ArrayList<>();
        List<Integer> graph = new ArrayList<>();
        List<Integer> source = new ArrayList<>();
        List<Integer> target = new ArrayList<>();
        List<Double> atomWeight = new ArrayList<>();
        double cutoff = Objects.requireNonNull(model.architecture().radius());
        AttentionEdges attention = model.attentionEdges();
        List<Integer> attentionSource = new ArrayList<>();
        List<Integer> attentionTarget = new ArrayList<>();
        List<Double> attentionShift = new ArrayList<>();
        for (int g = 0; g < frames.size(); g++) {
            Frame frame = frames.get(g);
            int first = elements.size();
            boolean[] periodic = {frame.cell() != null, frame.cell() != null, frame.cell() != null};
            Edges edges =
                    NeighbourList.build(frame.positions(), frame.cell(), periodic, cutoff, NeighbourList.UNLIMITED);
            for (int e = 0; e < edges.size(); e++) {
                source.add(first + edges.source()[e]);
                target.add(first + edges.target()[e]);
            }
            Arrays.stream(edges.shift()).forEach(shift::add);
            if (attention != null && !attention.listed()) {
                AllPairs pairs = attention.pairs(new int[frame.elements().length]);
                Arrays.stream(pairs.source()).forEach(i -> attentionSource.add(first + i));
                Arrays.stream(pairs.target()).forEach(i -> attentionTarget.add(first + i));
                attentionShift.addAll(Collections.nCopies(3 * pairs.source().length, 0.0));
            } else if (attention != null) {
                Edges own = NeighbourList.build(
                        frame.positions(),
                        frame.cell(),
                        periodic,
                        attention.cutoffAngstrom(),
                        attention.maxNeighbours() == null ? NeighbourList.UNLIMITED : attention.maxNeighbours());
                Arrays.stream(own.source()).forEach(i -> attentionSource.add(first + i));
                Arrays.stream(own.target()).forEach(i -> attentionTarget.add(first + i));
                Arrays.stream(own.shift()).forEach(attentionShift::add);
            }
            Arrays.stream(frame.positions()).forEach(positions::add);
            for (int z : frame.elements()) {
                x.add(new double[] {0.1 * z});
                elements.add(z);
                graph.add(g);
                atomWeight.add(weight[g]);
            }
        }
        int atoms = elements.size();
        Map<String, HostTensor> floats = new HashMap<>();
        floats.put(Inputs.X, column(x.stream().mapToDouble(row -> row[0]).toArray()));
        floats.put(Inputs.POSITIONS, rows(positions, 3));
        floats.put(Inputs.EDGE_SHIFT, rows(shift, 3));
        floats.put(Inputs.ATTENTION_SHIFT, rows(attentionShift, 3));
        floats.put(Inputs.RNG_KEY, HostTensor.of(new int[] {2}, 5, 7));
        floats.put(Inputs.ATOM_WEIGHT, rows(atomWeight, 1));
        floats.put(Inputs.GRAPH_WEIGHT, column(weight));
        double graphs = Arrays.stream(weight).sum();
        double counted = atomWeight.stream().mapToDouble(w -> w).sum();
        floats.put(Inputs.GRAPHS_TOTAL, HostTensor.scalar(totals == null ? graphs : totals[0]));
        floats.put(Inputs.ATOMS_TOTAL, HostTensor.scalar(totals == null ? counted : totals[1]));
        floats.put(Inputs.RANKS, HostTensor.scalar(ranks));
        // targets are functions of the atoms, so that they go with them into any batch
        floats.put(
                Inputs.ENERGY,
                column(frames.stream()
                        .mapToDouble(frame -> Arrays.stream(frame.elements()).sum() * 0.05)
                        .toArray()));
        floats.put(
                Inputs.FORCES, rows(positions.stream().map(p -> Math.sin(3 * p)).toList(), 3));
        List<Integer> dims = model.architecture().dimensions().outputDim();
        for (int i = 0; i < dims.size(); i++) {
            boolean perGraph = model.architecture().dimensions().outputType().get(i) == Architecture.Level.GRAPH;
            int width = dims.get(i);
            List<Double> values = new ArrayList<>();
            for (int r = 0; r < (perGraph ? frames.size() : atoms); r++) {
                for (int c = 0; c < width; c++) {
                    values.add(Math.cos(perGraph ? frames.get(r).positions()[c] : positions.get(3 * r + c)));
                }
            }
            floats.put(Inputs.target(i), rows(values, width));
        }
        Map<String, Index> indices = new HashMap<>();
        indices.put(Inputs.ATOMIC_NUMBER, index(elements, Inputs.ELEMENTS));
        indices.put(Inputs.GRAPH, index(graph, frames.size()));
        indices.put(Inputs.EDGE_SOURCE, index(source, atoms));
        indices.put(Inputs.EDGE_TARGET, index(target, atoms));
        indices.put(Inputs.ATTENTION_SOURCE, index(attentionSource, atoms));
        indices.put(Inputs.ATTENTION_TARGET, index(attentionTarget, atoms));
        return new Batch(floats, indices);
    }

    static Batch batch(Model model, List<Frame> frames) {
        double[] weight = new double[frames.size()];
        Arrays.fill(weight, 1);
        return batch(model, frames, weight, null, 1);
    }

    static Batch batch(Model model, Frame... frames) {
        return batch(model, List.of(frames));
    }

    /// Random values, larger than first values are, so that nothing hides behind a small one.
    static Map<String, HostTensor> parameters(Parameters parameters, long seed) {
        Map<String, HostTensor> values = parameters.initial(seed);
        SplittableRandom random = new SplittableRandom(seed);
        parameters.specs().forEach((name, spec) -> {
            double[] data = values.get(name).data();
            int fanIn = spec.extents().length == 2 ? spec.extents()[1] : 4;
            for (int i = 0; spec.role() != Parameters.Role.BUFFER && i < data.length; i++) {
                data[i] = random.nextGaussian() * 1.4 / Math.sqrt(fanIn);
            }
        });
        return values;
    }

    private static HostTensor column(double[] values) {
        return new HostTensor(new int[] {values.length, 1}, values);
    }

    private static HostTensor rows(List<Double> values, int width) {
        return new HostTensor(
                new int[] {values.size() / width, width},
                values.stream().mapToDouble(v -> v).toArray());
    }

    private static Index index(List<Integer> values, int range) {
        return new Index(values.stream().mapToInt(v -> v).toArray(), range);
    }
}
