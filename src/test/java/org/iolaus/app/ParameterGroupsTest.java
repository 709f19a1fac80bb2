package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.iolaus.data.Hdf5File;
import org.iolaus.nn.Parameters;
import org.iolaus.nn.Parameters.Group;
import org.iolaus.verify.ReferenceCase;
import org.junit.jupiter.api.Test;

/// What each weight is for agrees with its name in the reference's state dict.
final class ParameterGroupsTest {
    private static final Path GOLDEN = Path.of(System.getProperty("golden.dir", "src/test/resources/golden"));

    private static final Pattern NORM = Pattern.compile(
            "(.*\\.)?[a-z0-9_]*norm[a-z0-9_]*\\.(weight|bias|affine_weight|affine_bias)|.*\\.net\\.[14]\\.(weight|bias)"
                    + "|feature_layers\\..*");
    private static final Pattern EMBEDDING = Pattern.compile("(.*\\.)?(sphere|source|target)_embedding\\.weight");

    private static Group byName(String name) {
        if (NORM.matcher(name).matches()) {
            return Group.NORMS;
        }
        return EMBEDDING.matcher(name).matches()
                ? Group.EMBEDDINGS
                : name.endsWith(".bias") ? Group.BIASES : Group.WEIGHTS;
    }

    private static Map<Group, Integer> check(Parameters parameters) {
        Map<Group, Integer> counts = new EnumMap<>(Group.class);
        parameters.specs().values().stream()
                .filter(spec -> spec.role() == Parameters.Role.TRAINED)
                .forEach(spec -> {
                    assertEquals(byName(spec.name()), spec.group(), spec.name());
                    counts.merge(spec.group(), 1, Integer::sum);
                });
        return counts;
    }

    /// The paper's code leaves biases and norms out by these names.
    @Test
    void ofEquiformerV2() {
        try (Hdf5File file = Hdf5File.open(GOLDEN.resolve("equiformer_v2").resolve("model_l4m2_gate.h5"))) {
            Map<Group, Integer> counts = check(ReferenceCase.open(file, "").parameters());
            assertEquals(Group.values().length, counts.size(), counts::toString);
        }
    }

    @Test
    void ofGin() {
        try (Hdf5File file = Hdf5File.open(GOLDEN.resolve("hydragnn").resolve("GIN.h5"))) {
            String first = ReferenceCase.names(file).getFirst();
            Map<Group, Integer> counts = check(ReferenceCase.open(file, first).parameters());
            assertTrue(counts.containsKey(Group.NORMS) && counts.containsKey(Group.BIASES), counts::toString);
        }
    }
}
