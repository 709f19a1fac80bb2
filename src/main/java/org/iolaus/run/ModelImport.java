package org.iolaus.run;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.DataException;
import org.iolaus.data.state.StateDict;
import org.iolaus.data.state.StateDicts;
import org.iolaus.model.Architecture;
import org.iolaus.model.AttentionEngine;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.StateMatch;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.engine.ModelState;
import org.jspecify.annotations.Nullable;

/// The values of a model as PyTorch saved them, under the names of a configuration's model.
///
/// @param from dictionary of the file that holds the model, with a dot behind it; empty if that is the file
/// @param arrays of the file that were looked at, and the kinds of their numbers
/// @param outside arrays of the file that are elsewhere
/// @param others entries of the file that are no arrays
/// @param match which array became what
/// @param checkpoint the model
public record ModelImport(
        String from, int arrays, List<String> types, int outside, int others, StateMatch match, Checkpoint checkpoint) {

    /// What the user says of the file.
    ///
    /// @param config file of the configuration, for messages
    /// @param key what is before the names, without its last dot; null: to be found out
    /// @param ignored beginnings of the file's names that are left out
    /// @param fresh beginnings of the model's names that get first values from the seed
    public record Choices(Path config, @Nullable String key, List<String> ignored, List<String> fresh) {}

    /// Reads a file of `torch.save`, safetensors or HDF5.
    ///
    /// @throws DataException if names, shapes or numbers are not the model's; one message lists all that differ
    public static ModelImport of(Path file, ConfiguredModel configured, Choices choices) {
        try (StateDict dict = StateDicts.open(file)) {
            String from = choices.key == null ? dictionary(file, dict) : choices.key + ".";
            Map<String, String> names = below(file, dict, from);
            StateMatch match = match(file, dict, names, configured, choices);
            Map<String, HostTensor> values = read(file, dict, names, match, configured);
            List<String> types = names.values().stream()
                    .map(name -> Objects.requireNonNull(dict.arrays().get(name)).type())
                    .distinct()
                    .sorted()
                    .map(Object::toString)
                    .toList();
            return new ModelImport(
                    from,
                    names.size(),
                    types,
                    dict.arrays().size() - names.size(),
                    dict.others().size(),
                    match,
                    checkpoint(configured, values));
        }
    }

    private static Checkpoint checkpoint(ConfiguredModel configured, Map<String, HostTensor> values) {
        Checkpoint.Run run = new Checkpoint.Run(
                configured.training().seed(),
                1,
                ConfigReader.toJsonOfWholeRun(configured.config()),
                BuildInfo.version(),
                BuildInfo.commit());
        return Checkpoint.ofModel(new ModelState(configured.model().parameters(), values).snapshot(), run);
    }

    /// The dictionary with the model's state, with a dot behind it; empty if the file is that dictionary.
    private static String dictionary(Path file, StateDict dict) {
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
    private static Map<String, String> below(Path file, StateDict dict, String from) {
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

    private static StateMatch match(
            Path file, StateDict dict, Map<String, String> names, ConfiguredModel configured, Choices choices) {
        Map<String, StateMatch.Found> arrays = new HashMap<>();
        names.forEach((name, full) -> {
            StateDict.Info info = Objects.requireNonNull(dict.arrays().get(full));
            arrays.put(name, new StateMatch.Found(info.type().floating(), info.shape()));
        });
        StateMatch match = StateMatch.of(
                configured.model().parameters(), arrays, new StateMatch.Allowed(choices.fresh, choices.ignored));
        if (!match.faults().isEmpty()) {
            throw new DataException("%s: want the names and shapes of %s's model, got %d that differ:%n  %s"
                    .formatted(file, choices.config, match.faults().size(), String.join("\n  ", match.faults())));
        }
        return match;
    }

    /// All values of the model.
    private static Map<String, HostTensor> read(
            Path file, StateDict dict, Map<String, String> names, StateMatch match, ConfiguredModel configured) {
        Parameters parameters = configured.model().parameters();
        Map<String, HostTensor> values = new LinkedHashMap<>();
        Map<String, HostTensor> first = match.missing().isEmpty()
                ? Map.of()
                : parameters.initial(configured.training().seed());
        match.missing().forEach(name -> values.put(name, Objects.requireNonNull(first.get(name))));
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
}
