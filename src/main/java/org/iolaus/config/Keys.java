package org.iolaus.config;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.iolaus.model.Architecture;

/// The keys of a configuration file that belong to record components.
///
/// A key is its component's name in snake case unless [#ODD] says otherwise. The components of a record in [#FLAT]
/// stand in the file beside those of the record around it.
final class Keys {
    private static final Map<String, String> ODD = Map.ofEntries(
            Map.entry("Config.verbosity", "Verbosity"),
            Map.entry("Config.dataset", "Dataset"),
            Map.entry("Config.neuralNetwork", "NeuralNetwork"),
            Map.entry("Config.visualization", "Visualization"),
            Map.entry("Config.profile", "Profile"),
            Map.entry("NeuralNetwork.architecture", "Architecture"),
            Map.entry("NeuralNetwork.variablesOfInterest", "Variables_of_interest"),
            Map.entry("NeuralNetwork.training", "Training"),
            Map.entry("Architecture.syncBatchNorm", "SyncBatchNorm"),
            Map.entry("Training.batching", "Batching"),
            Map.entry("Training.optimizer", "Optimizer"),
            Map.entry("Training.reduceLrOnPlateau", "ReduceLROnPlateau"),
            Map.entry("Training.cosineWithWarmup", "CosineWithWarmup"),
            Map.entry("Training.earlyStopping", "EarlyStopping"),
            Map.entry("Training.checkpoint", "Checkpoint"),
            Map.entry("Training.continueRun", "continue"),
            Map.entry("Training.checkRemainingTime", "CheckRemainingTime"));

    private static final Set<Class<?>> FLAT = Set.of(
            Architecture.Dimensions.class,
            Architecture.Basis.class,
            Architecture.Potential.class,
            Architecture.Attention.class,
            Architecture.Equiformer.class);

    /// What the keys of a record's components begin with.
    private static final Map<Class<?>, String> PREFIX = Map.of(Architecture.Equiformer.class, "equiformer_");

    private Keys() {}

    static boolean flat(Class<?> type) {
        return FLAT.contains(type);
    }

    static String of(RecordComponent component) {
        String name = component.getName();
        String odd = ODD.get(component.getDeclaringRecord().getSimpleName() + "." + name);
        if (odd != null) {
            return odd;
        }
        String prefix = PREFIX.getOrDefault(component.getDeclaringRecord(), "");
        return prefix + name.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
    }

    /// All keys that an object for `record` may have, in the order of the components.
    static Map<String, RecordComponent> of(Class<?> record) {
        Map<String, RecordComponent> keys = new LinkedHashMap<>();
        for (RecordComponent component : record.getRecordComponents()) {
            if (flat(component.getType())) {
                keys.putAll(of(component.getType()));
            } else {
                keys.put(of(component), component);
            }
        }
        return keys;
    }

    /// Every key of a file by its full path: `NeuralNetwork.Training.num_epoch`; `[]` stands for the elements
    /// of a list.
    static Map<String, RecordComponent> paths() {
        Map<String, RecordComponent> paths = new TreeMap<>();
        collect(Config.class, "", paths);
        return paths;
    }

    private static void collect(Class<?> record, String prefix, Map<String, RecordComponent> paths) {
        of(record).forEach((key, component) -> {
            paths.put(prefix + key, component);
            if (nested(component.getType())) {
                collect(component.getType(), prefix + key + ".", paths);
            } else if (component.getGenericType() instanceof ParameterizedType list
                    && list.getActualTypeArguments()[0] instanceof Class<?> element
                    && nested(element)) {
                collect(element, prefix + key + "[].", paths);
            }
        });
    }

    private static boolean nested(Class<?> type) {
        return type.isRecord() && type != Architecture.EnergyScale.class;
    }
}
