package org.iolaus.run;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.iolaus.config.Config;
import org.iolaus.config.ConfigException;
import org.iolaus.config.Records;
import org.iolaus.data.Counts;
import org.iolaus.data.DatasetConfig;
import org.iolaus.data.ShardIndex;
import org.iolaus.data.Statistics;
import org.iolaus.model.Architecture;
import org.iolaus.model.Model;
import org.iolaus.nn.Loss;
import org.iolaus.train.inputs.Columns;
import org.jspecify.annotations.Nullable;

/// Makes models from configurations and, for sizes that follow from them, from the data.
public final class ModelFactory {
    private ModelFactory() {}

    /// The model of a configuration.
    ///
    /// @param index says what depends on the data; null if the configuration says all of it
    public static ConfiguredModel of(Config given, @Nullable ShardIndex index) {
        DatasetConfig dataset = given.dataset();
        if (dataset == null) {
            throw new ConfigException("Dataset: want the section that says which columns to use, got none");
        }
        Architecture architecture = given.neuralNetwork().architecture();
        boolean potential = architecture.potential().enableInteratomicPotential();
        Columns columns = Columns.of(dataset, given.neuralNetwork().variablesOfInterest(), potential);
        if (!architecture.edgeFeatures().isEmpty()) {
            throw new ConfigException(
                    "NeuralNetwork.Architecture.edge_features: want [] (shards hold no edge features), got "
                            + architecture.edgeFeatures());
        }
        if (index != null) {
            columns.requireIn(index, potential);
            architecture = complete(architecture, columns, index);
        }
        return make(given, columns, architecture);
    }

    /// The model of a configuration; its shards say what depends on the data, if they are there.
    public static ConfiguredModel ofConfig(Config given) {
        DatasetConfig dataset = given.dataset();
        if (dataset == null || !Files.exists(Path.of(dataset.shards(), ShardIndex.FILE))) {
            return of(given, null);
        }
        Path folder = Path.of(dataset.shards());
        return of(given, ShardIndex.read(folder));
    }

    private static ConfiguredModel make(Config given, Columns columns, Architecture architecture) {
        Config config = Records.with(given, "neuralNetwork.architecture", architecture);
        Loss loss = config.neuralNetwork().training().lossFunctionType();
        return new ConfiguredModel(config, columns, new Model(architecture, loss, columns.attributeWidth()));
    }

    private static Architecture complete(Architecture architecture, Columns columns, ShardIndex index) {
        Statistics statistics = index.statistics();
        Counts atoms = index.atoms();
        boolean equal = atoms.length() > 0 && atoms.sum() == (long) atoms.max() * atoms.length();
        List<Long> degrees = Arrays.stream(statistics.degree()).boxed().toList();
        Architecture completed = Records.with(
                architecture, "dimensions.inputDim", columns.inputs().size());
        completed = Records.with(
                completed, "dimensions.numNodes", equal && architecture.hasMlpPerNode() ? atoms.max() : null);
        completed = Records.with(completed, "dimensions.pnaDeg", degrees);
        completed = Records.with(completed, "dimensions.avgNumNeighbors", statistics.averageNeighbours());
        Architecture.Potential potential = architecture.potential();
        Architecture.EnergyScale scale = potential.energyScale();
        return scale == null || scale.rule() == null
                ? completed
                : Records.with(
                        completed,
                        "potential.energyScale",
                        Architecture.EnergyScale.of(scale(scale.rule(), potential, statistics)));
    }

    private static double scale(Architecture.ScaleRule rule, Architecture.Potential potential, Statistics statistics) {
        Statistics.Spread energy = statistics.columns().get("graphs/energy");
        double scale = switch (rule) {
            case AUTO -> statistics.forceRms();
            case ENERGY_STD ->
                potential.energyReference() != Architecture.EnergyReference.MEAN
                        ? statistics.energyPerAtomStd()
                        : energy == null ? Double.NaN : energy.std()[0];
        };
        if (!(scale > 0)) {
            throw new ConfigException(
                    "NeuralNetwork.Architecture.energy_scale: want a number where the data tell none, " + "got \""
                            + rule.name().toLowerCase(Locale.ROOT) + "\", which is " + scale + " eV of them");
        }
        return scale;
    }
}
