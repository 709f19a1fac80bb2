package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.DataException;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.nn.StateMatch;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ModelImport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `iolaus import`: the parameters of a model that PyTorch saved, as a checkpoint of this program.
@Command(
        name = "import",
        description = {
            "Make a checkpoint of the parameters that PyTorch saved: a file of torch.save, safetensors or HDF5.",
            "Names and shapes must be those of the configuration's model; if they are not, one message lists all that",
            "differ and nothing is written. Nothing in the file is run (docs/import.md)."
        })
final class Import extends CommandBase implements Callable<Integer> {

    @picocli.CommandLine.Parameters(
            index = "0",
            paramLabel = "FILE",
            description = "A .pt or .pth, .safetensors or .h5 file; the content says which.")
    private Path file = Path.of("");

    @Option(names = "--config", required = true, paramLabel = "CONFIG", description = "Configuration of the model.")
    private Path configFile = Path.of("");

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "Setting that takes precedence over the configuration, such as compatibility=hydragnn.")
    private List<String> overrides = List.of();

    @Option(
            names = "--out",
            paramLabel = "CHECKPOINT.h5",
            description = "File to write (default: FILE's name with -imported.h5 in the working folder).")
    private @Nullable Path out;

    @Option(
            names = "--key",
            paramLabel = "PREFIX",
            description = "What is before the names: dictionaries of the file and wrappers, with dots, such as "
                    + "state_dict.module (default: found out).")
    private @Nullable String key;

    @Option(
            names = "--ignore",
            paramLabel = "PREFIX",
            description =
                    "Leave out the file's names that begin so, such as force_block. (may be given several times).")
    private List<String> ignored = List.of();

    @Option(
            names = "--fresh",
            paramLabel = "PREFIX",
            description = "Give the model's names that begin so first values from the seed, such as heads_NN. for new "
                    + "heads (may be given several times).")
    private List<String> fresh = List.of();

    @Override
    public Integer call() {
        ConfiguredModel configured = ModelFactory.ofConfig(ConfigReader.read(configFile, overrides));
        Path target = out != null ? out : defaultOut();
        if (Files.exists(target) && Files.exists(file) && sameFile(target, file)) {
            throw new DataException(target + ": want a file to write that is not the one to read");
        }
        ModelImport.Choices choices = new ModelImport.Choices(configFile, key, ignored, fresh);
        ModelImport read = ModelImport.of(file, configured, choices);
        read.checkpoint().write(target);
        PrintWriter print = out();
        summary(print, read, configured.model().parameters());
        print.printf("%-9s %s%n", "written", target);
        print.flush();
        return 0;
    }

    private Path defaultOut() {
        String name = String.valueOf(file.getFileName());
        int dot = name.lastIndexOf('.');
        return Path.of((dot > 0 ? name.substring(0, dot) : name) + "-imported.h5");
    }

    private static boolean sameFile(Path a, Path b) {
        return a.toAbsolutePath().normalize().equals(b.toAbsolutePath().normalize());
    }

    private void summary(PrintWriter print, ModelImport read, Parameters parameters) {
        StateMatch match = read.match();
        String prefix = read.from() + String.join("", match.unwrapped());
        print.printf(
                "%-9s %s: %,d arrays (%s)%s%n",
                "read",
                file,
                read.arrays(),
                String.join(", ", read.types()),
                prefix.isEmpty() ? "" : ", names without " + prefix);
        long weights = match.taken().keySet().stream()
                .filter(name -> role(parameters, name) != Role.BUFFER)
                .count();
        long numbers = parameters.count(Role.TRAINED) + parameters.count(Role.FROZEN);
        print.printf(
                "%-9s %,d parameters and %,d buffers%s; the model has %,d numbers to train or keep%n",
                "taken",
                weights,
                match.taken().size() - weights,
                match.copies().isEmpty()
                        ? ""
                        : ", %,d of them under further names"
                                .formatted(match.copies().size()),
                numbers);
        line(print, "fresh", match.missing().size(), "names with first values from the seed");
        line(print, "ignored", match.unexpected().size(), "arrays, as told");
        line(print, "skipped", match.constants().size(), "buffers that follow from the configuration");
        line(print, "skipped", read.outside(), "arrays outside of " + read.from());
        line(print, "skipped", read.others(), "entries that are no arrays");
    }

    private static Role role(Parameters parameters, String name) {
        return Objects.requireNonNull(parameters.specs().get(name)).role();
    }

    private static void line(PrintWriter print, String word, int count, String what) {
        if (count > 0) {
            print.printf("%-9s %,d %s%n", word, count, what);
        }
    }
}
