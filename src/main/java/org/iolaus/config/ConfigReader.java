package org.iolaus.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.iolaus.model.ModelException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Reads configurations: HydraGNN's JSON, strictly, with all defaults filled in.
///
/// Every fault is one [ConfigException] that names the file, the path of the key, what is wanted and what was found.
public final class ConfigReader {
    private ConfigReader() {}

    /// The configuration of a run.
    ///
    /// @param overrides `key=value` settings that take precedence over the file
    /// @throws ConfigException for anything that is unknown, of a wrong type, missing, impossible or not supported
    public static Config read(Path file, List<String> overrides) {
        try {
            Config given = parse(Files.readString(file), overrides);
            unsupported(given).ifPresent(problem -> {
                throw new ConfigException(problem);
            });
            Config config = complete(given);
            ConfigCheck.run(config);
            return config;
        } catch (NoSuchFileException e) {
            throw new ConfigException(file + ": want a configuration, got no such file", e);
        } catch (IOException e) {
            throw new ConfigException(file + ": cannot be read: " + e, e);
        } catch (ConfigException | ModelException e) {
            throw new ConfigException(file + ": " + e.getMessage(), e);
        }
    }

    /// A configuration that may describe only a model, such as that of a checkpoint or of a reference case; it may
    /// ask for more than this build supports ([#unsupported]).
    ///
    /// @throws ConfigException for anything that is unknown, of a wrong type, missing or impossible
    public static Config fromJson(String json) {
        return fromJson(json, List.of());
    }

    /// The same, with settings `KEY=VALUE` that take precedence.
    public static Config fromJson(String json, List<String> overrides) {
        return complete(parse(json, overrides));
    }

    /// The text of a configuration that starts anew, not from a checkpoint: so the files of a run say the same,
    /// whether the run was interrupted or not.
    public static String toJsonOfWholeRun(Config config) {
        return toJson(complete(parse(
                toJson(config),
                List.of("NeuralNetwork.Training.continue=0", "NeuralNetwork.Training.startfrom=\"\""))));
    }

    /// The first setting that this build does not support, as a message.
    public static Optional<String> unsupported(Config config) {
        return Support.missing(config);
    }

    /// The text of a configuration, complete; [#fromJson] reads it back equal.
    public static String toJson(Config config) {
        return Json.print(RecordMapper.write(config));
    }

    private static Config parse(String text, List<String> overrides) {
        if (text.isBlank()) {
            throw new ConfigException("want an object, got an empty file");
        }
        JsonNode json = Json.parse(text);
        if (!(json instanceof ObjectNode root)) {
            throw RecordMapper.want("", "an object", json);
        }
        Overrides.apply(root, overrides);
        HydraGnnForms.normalise(root);
        Derived.optimizerDefaults(root);
        Derived.scheduleDefaults(root);
        return RecordMapper.read(Config.class, root, "");
    }

    private static Config complete(Config given) {
        try {
            ConfigCheck.dataset(given);
            Config config = Derived.fill(given);
            ConfigCheck.model(config);
            return config;
        } catch (ModelException e) {
            throw new ConfigException(Objects.requireNonNull(e.getMessage()), e);
        }
    }
}
