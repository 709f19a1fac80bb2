package org.iolaus.app;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.DataException;
import org.iolaus.data.state.StateDict;
import org.iolaus.data.state.StateDicts;
import org.iolaus.model.Architecture;
import org.iolaus.model.AttentionEngine;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Role;
import org.iolaus.nn.StateMatch;
import org.iolaus.run.BuildInfo;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EquiformerBuffers;
import org.iolaus.run.ModelFactory;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `iolaus import`: the parameters of a model that PyTorch saved, as a checkpoint of this program.
@Command(
        name = "import",
        description = {
            "Make a checkpoint of the parameters that PyTorch saved: a file of torch.save, safetensors or HDF5.",
            "Names and shapes must be those of the configuration's model; if they are not, one message lists all that",
            "differ and nothing is written. Nothing in the file is run (docs/import.md)."
        })
final class Import implements Callable<Integer> {

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

    @Spec
    private @Nullable CommandSpec spec;

    @Override
    public Integer call() {
        ConfiguredModel configured = ModelFactory.ofConfig(ConfigReader.read(configFile, overrides));
        Path target = out != null ? out : defaultOut();
        if (Files.exists(target) && Files.exists(file) && sameFile(target, file)) {
            throw new DataException(target + ": want a file to write that is not the one to read");
        }
        PrintWriter print = Objects.requireNonNull(spec).commandLine().getOut();
        try (StateDict dict = StateDicts.open(file)) {
            String from = key == null ? dictionary(dict) : key + ".";
            Map<String, String> names = below(dict, from);
            StateMatch match = match(dict, names, configured);
            Map<String, HostTensor> values = read(dict, names, match, configured);
            Parameters parameters = configured.model().parameters();
            Checkpoint.Run run = new Checkpoint.Run(
                    configured.training().seed(),
                    1,
                    ConfigReader.toJsonOfWholeRun(configured.config()),
                    BuildInfo.version(),
                    BuildInfo.commit());
            Checkpoint.ofModel(new ModelState(parameters, values).snapshot(), run)
                    .write(target);
            summary(print, dict, from, names, match, parameters);
        }
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

    /// The dictionary with the model's state, with a dot behind it; empty if the file is that dictionary.
    private String dictionary(StateDict dict) {
        for (String usual : List.of("model_state_dict", "state_dict", "model", "params")) {
            if (dict.dictionaries().contains(usual)) {
                return usual + ".";
            }
        }
        if (dict.dictionaries().isEmpty() || dict.dictionaries().contains("")) {
            return "";
        }
        if (dict.dictionaries().size() == 1) {
            return dict.dictionaries().first() + ".";
        }
        throw new DataException(file + ": want --key to say which dictionary holds the model, one of "
                + dict.dictionaries().stream().limit(20).collect(Collectors.joining(", "))
                + (dict.dictionaries().size() > 20 ? ", ..." : ""));
    }

    /// The file's arrays in a dictionary: its names for them by what comes after `from`.
    private Map<String, String> below(StateDict dict, String from) {
        Map<String, String> names = new TreeMap<>();
        dict.arrays().keySet().stream()
                .filter(name -> name.startsWith(from))
                .forEach(name -> names.put(name.substring(from.length()), name));
        if (names.isEmpty()) {
            throw new DataException(file + ": want arrays" + (from.isEmpty() ? "" : " whose names begin with " + from)
                    + ", got "
                    + (dict.arrays().isEmpty()
                            ? "none"
                            : dict.arrays().keySet().stream().limit(5).collect(Collectors.joining(", ")) + ", ..."));
        }
        return names;
    }

    private StateMatch match(StateDict dict, Map<String, String> names, ConfiguredModel configured) {
        Map<String, StateMatch.Found> arrays = new HashMap<>();
        names.forEach((name, full) -> {
            StateDict.Info info = Objects.requireNonNull(dict.arrays().get(full));
            arrays.put(name, new StateMatch.Found(info.type().floating(), info.shape()));
        });
        StateMatch match =
                StateMatch.of(configured.model().parameters(), arrays, new StateMatch.Leeway(fresh, ignored));
        if (!match.faults().isEmpty()) {
            throw new DataException("%s: want the names and shapes of %s's model, got %d that differ:%n  %s"
                    .formatted(file, configFile, match.faults().size(), String.join("\n  ", match.faults())));
        }
        return match;
    }

    /// All values of the model.
    private Map<String, HostTensor> read(
            StateDict dict, Map<String, String> names, StateMatch match, ConfiguredModel configured) {
        Parameters parameters = configured.model().parameters();
        Map<String, HostTensor> values = new LinkedHashMap<>();
        Map<String, HostTensor> first = match.fresh().isEmpty()
                ? Map.of()
                : parameters.initial(configured.training().seed());
        match.fresh().forEach(name -> values.put(name, Objects.requireNonNull(first.get(name))));
        List<String> faults = new ArrayList<>();
        match.taken().forEach((name, theirs) -> {
            double[] data = dict.read(Objects.requireNonNull(names.get(theirs))).data();
            if (!Arrays.stream(data).allMatch(Double::isFinite)) {
                faults.add(theirs + ": want finite numbers, got NaN or infinity");
            }
            Parameters.Spec wanted = Objects.requireNonNull(parameters.specs().get(name));
            values.put(name, new HostTensor(wanted.extents(), data));
        });
        match.copies().forEach((theirs, name) -> {
            double[] copy = dict.read(Objects.requireNonNull(names.get(theirs))).data();
            if (!Arrays.equals(copy, Objects.requireNonNull(values.get(name)).data())) {
                faults.add(theirs + ": want the values of " + match.taken().get(name)
                        + ", which is the same parameter, got others");
            }
        });
        Architecture architecture = configured.model().architecture();
        if (architecture.attention().globalAttnEngine() == AttentionEngine.EQUIFORMER_V2) {
            faults.addAll(EquiformerBuffers.faults(
                    architecture, match.constants(), theirs -> dict.read(Objects.requireNonNull(names.get(theirs)))));
        }
        if (!faults.isEmpty()) {
            throw new DataException(file + ": " + String.join("\n  ", faults));
        }
        return values;
    }

    private void summary(
            PrintWriter print,
            StateDict dict,
            String from,
            Map<String, String> names,
            StateMatch match,
            Parameters parameters) {
        String types = names.values().stream()
                .map(name -> Objects.requireNonNull(dict.arrays().get(name)).type())
                .distinct()
                .sorted()
                .map(Object::toString)
                .collect(Collectors.joining(", "));
        String prefix = from + String.join("", match.unwrapped());
        print.printf(
                "%-9s %s: %,d arrays (%s)%s%n",
                "read", file, names.size(), types, prefix.isEmpty() ? "" : ", names without " + prefix);
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
        line(print, "fresh", match.fresh().size(), "names with first values from the seed");
        line(print, "ignored", match.ignored().size(), "arrays, as told");
        line(print, "skipped", match.constants().size(), "buffers that follow from the configuration");
        line(print, "skipped", dict.arrays().size() - names.size(), "arrays outside of " + from);
        line(print, "skipped", dict.others().size(), "entries that are no arrays");
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
