package org.iolaus.app;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.iolaus.atoms.Structure;
import org.iolaus.comm.SoloComm;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.read.ExtXyzWriter;
import org.iolaus.data.read.ReadOptions;
import org.iolaus.data.read.Readers;
import org.iolaus.data.read.StructureReader;
import org.iolaus.model.Architecture;
import org.iolaus.model.Model;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EngineFactory;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.StructureBatch;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.engine.ModelState;
import org.iolaus.train.inputs.BatchInputs;
import org.iolaus.train.inputs.Columns;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `iolaus predict`: energies, forces and other heads of a trained model for given structures.
@Command(
        name = "predict",
        description = {
            "Write what a checkpoint's model predicts for the structures of a file.",
            "That is energy (eV) and forces (eV/Å) of a potential, or each head under its name."
        })
final class Predict implements Callable<Integer> {

    @Parameters(index = "0", paramLabel = "CHECKPOINT", description = "File that training wrote.")
    private Path checkpoint = Path.of("");

    @Parameters(index = "1", paramLabel = "FILE", description = "Structures: extended XYZ or npz.")
    private Path input = Path.of("");

    @Option(
            names = {"-o", "--out"},
            required = true,
            paramLabel = "OUT.xyz",
            description = "Extended XYZ to write.")
    private Path output = Path.of("");

    @ArgGroup(exclusive = false, validate = false)
    private DeviceOptions device = new DeviceOptions();

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        Checkpoint saved = Checkpoint.read(checkpoint);
        ConfiguredModel configured =
                ModelFactory.of(ConfigReader.fromJson(saved.run().configJson(), device.over(List.of())), null);
        ModelState state = new ModelState(configured.model().parameters(), ModelState.evaluated(saved.model()));
        BatchInputs inputs = new BatchInputs(configured.model(), configured.columns(), 1);
        Architecture architecture = configured.config().neuralNetwork().architecture();
        int frames = 0;
        try (StructureReader reader = Readers.open(input, ReadOptions.DEFAULT);
                SoloComm alone = new SoloComm();
                Engine engine = EngineFactory.engine(alone, configured.training());
                Engine.Forward forward = engine.forward(configured.model().predict(), state);
                ExtXyzWriter writer = new ExtXyzWriter(output)) {
            while (reader.hasNext()) {
                Structure structure = reader.next();
                Map<String, double[]> outputs = forward.run(engine.ready(
                        inputs, StructureBatch.of(List.of(structure), architecture, configured.columns(), 1, 0)));
                writer.write(predicted(structure, outputs, configured.columns()));
                frames++;
            }
            writer.finish();
        }
        Objects.requireNonNull(spec).commandLine().getOut().printf("%d frames written to %s%n", frames, output);
        return 0;
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
}
