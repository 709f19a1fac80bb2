package org.iolaus.app;

import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.iolaus.comm.SoloComm;
import org.iolaus.data.read.ExtXyzWriter;
import org.iolaus.data.read.ReadOptions;
import org.iolaus.data.read.Readers;
import org.iolaus.data.read.StructureReader;
import org.iolaus.run.Predictor;
import org.iolaus.train.checkpoint.Checkpoint;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `iolaus predict`: energies, forces and other heads of a trained model for given structures.
@Command(
        name = "predict",
        description = {
            "Write what a checkpoint's model predicts for the structures of a file.",
            "That is energy (eV) and forces (eV/Å) of a potential, or each head under its name."
        })
final class Predict extends CommandBase implements Callable<Integer> {

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

    @Override
    public Integer call() {
        Checkpoint saved = Checkpoint.read(checkpoint);
        int frames = 0;
        try (StructureReader reader = Readers.open(input, ReadOptions.DEFAULT);
                SoloComm alone = new SoloComm();
                Predictor predictor = new Predictor(saved, device.over(List.of()), alone);
                ExtXyzWriter writer = new ExtXyzWriter(output)) {
            for (; reader.hasNext(); frames++) {
                writer.write(predictor.predict(reader.next()));
            }
            writer.finish();
        }
        out().printf("%d frames written to %s%n", frames, output);
        return 0;
    }
}
