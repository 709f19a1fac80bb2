package org.iolaus.run;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.Comm;
import org.iolaus.config.ConfigReader;
import org.iolaus.model.Architecture;
import org.iolaus.model.Model;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Columns;

/// Predicts with a checkpoint's model: energy (eV) and forces (eV/Å) of a potential, or each head.
public final class Predictor implements AutoCloseable {
    private final ConfiguredModel configured;
    private final Engine engine;
    private final BatchInputs inputs;
    private final Engine.Forward forward;

    /// @param settings `KEY=VALUE` that take precedence over the checkpoint's configuration
    /// @param alone a communicator of one rank
    public Predictor(Checkpoint saved, List<String> settings, Comm alone) {
        configured = ModelFactory.of(ConfigReader.fromJson(saved.run().configJson(), settings), null);
        ModelState state = new ModelState(configured.model().parameters(), ModelState.evaluated(saved.model()));
        inputs = new BatchInputs(configured.model(), configured.columns(), 1);
        engine = EngineFactory.engine(alone, configured.training());
        forward = engine.forward(configured.model().predict(), state);
    }

    /// The structure with what is predicted for it: heads as columns `predicted_LABEL`.
    public Structure predict(Structure structure) {
        Architecture architecture = configured.config().neuralNetwork().architecture();
        Map<String, double[]> outputs = forward.run(
                engine.ready(inputs, StructureBatch.of(List.of(structure), architecture, configured.columns(), 1, 0)));
        return predicted(structure, outputs, configured.columns());
    }

    private static Structure predicted(Structure given, Map<String, double[]> outputs, Columns columns) {
        Map<String, double[]> atomColumns = new HashMap<>(given.atomColumns());
        Map<String, double[]> graphColumns = new HashMap<>(given.graphColumns());
        double[] energy = outputs.get(Model.ENERGY);
        for (int head = 0; head < columns.targets().size(); head++) {
            Columns.Target target = columns.targets().get(head);
            boolean graph = target.level() == Architecture.Level.GRAPH;
            (graph ? graphColumns : atomColumns)
                    .put("predicted_" + target.label(), Objects.requireNonNull(outputs.get("head_" + head)));
        }
        return new Structure(
                given.atomicNumbers(),
                given.positions(),
                given.cell(),
                given.periodic(),
                energy == null ? given.energy() : Double.valueOf(energy[0]),
                energy == null ? given.forces() : outputs.get(Model.FORCES),
                energy == null ? given.stress() : null,
                atomColumns,
                graphColumns,
                given.source());
    }

    @Override
    public void close() {
        try (engine) {
            forward.close();
        }
    }
}
