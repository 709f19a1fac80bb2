package org.iolaus.bench;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.iolaus.atoms.Structure;
import org.iolaus.data.Batch;
import org.iolaus.model.Architecture;
import org.iolaus.model.Model;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.StructureBatch;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.BatchInputs;

/// A model that predicts energies and forces, either as a potential or with a head for each.
public final class EnergiesAndForces implements Symmetries.Predictor, AutoCloseable {
    private final ConfiguredModel configured;
    private final Engine engine;
    private final BatchInputs inputs;
    private final Engine.Forward forward;

    public EnergiesAndForces(ConfiguredModel configured, Engine engine, ModelState state) {
        this.configured = configured;
        this.engine = engine;
        inputs = new BatchInputs(configured.model(), configured.columns(), 1);
        forward = engine.forward(configured.model().predict(), state);
    }

    @Override
    public Symmetries.Answer of(List<Structure> structures, long rngKey) {
        Architecture architecture = configured.model().architecture();
        Batch batch = StructureBatch.of(structures, architecture, configured.columns(), 1, rngKey);
        Map<String, double[]> outputs = forward.run(engine.ready(inputs, batch));
        boolean potential = architecture.potential().enableInteratomicPotential();
        return new Symmetries.Answer(
                Objects.requireNonNull(outputs.get(potential ? Model.ENERGY : "head_0")),
                Objects.requireNonNull(outputs.get(potential ? Model.FORCES : "head_1")));
    }

    @Override
    public void close() {
        forward.close();
    }
}
