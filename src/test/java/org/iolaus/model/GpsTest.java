package org.iolaus.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.iolaus.atoms.Edges;
import org.iolaus.atoms.LaplacianEncoding;
import org.iolaus.atoms.NeighbourList;
import org.iolaus.ir.Program;
import org.iolaus.model.Frames.Batch;
import org.iolaus.model.Frames.Frame;
import org.iolaus.tensor.HostTensor;
import org.iolaus.tensor.Index;
import org.junit.jupiter.api.Test;

/// What GPS adds to the properties that all potentials have ([PotentialPropertyTest]): encodings of positions, and
/// attention over a whole batch.
final class GpsTest {
    private static final String GPS = """
            "global_attn_engine": "GPS", "global_attn_type": "multihead", "global_attn_heads": 2,
            """;

    private static Model potential(String more) {
        return Models.PAINN.potential("node", "\"element_embedding\": true," + GPS + more);
    }

    /// With encodings of a frame's own neighbour list.
    private static Map<String, HostTensor> run(Model model, Program program, Frame frame) {
        Batch batch = Frames.batch(model, frame);
        int atoms = frame.elements().length;
        Edges edges = NeighbourList.build(frame.positions(), null, new boolean[3], 3.0, NeighbourList.UNLIMITED);
        int count = model.encodings();
        batch.floats()
                .put(
                        Inputs.ENCODINGS,
                        HostTensor.of(
                                new int[] {atoms, count},
                                LaplacianEncoding.of(atoms, edges.source(), edges.target(), count)));
        return batch.run(program, Frames.parameters(model.parameters(), 3));
    }

    @Test
    void forcesAreSlopesWithEncodings() {
        Model model = potential("\"pe_dim\": 3,");
        Program program = model.predict();
        Frame frame = Frames.random(new SplittableRandom(5), 7, 4.5, false);
        double[] forces = run(model, program, frame).get(Model.FORCES).data();
        double step = 1e-5;
        for (int i = 0; i < forces.length; i++) {
            double[] energies = new double[2];
            for (int side = 0; side < 2; side++) {
                double[] moved = frame.positions().clone();
                moved[i] += side == 0 ? step : -step;
                energies[side] =
                        run(model, program, frame.at(moved)).get(Model.ENERGY).data()[0];
            }
            assertEquals(forces[i], (energies[1] - energies[0]) / (2 * step), 1e-6);
        }
        assertTrue(Arrays.stream(forces).map(Math::abs).max().orElse(0) > 1e-3);
    }

    /// Encodings of a graph without symmetries, the smallest such tree, go with its atoms; and they do something.
    @Test
    void doesNotCareHowAtomsAreNumberedWithEncodings() {
        Model model = potential("\"pe_dim\": 3,");
        Program program = model.predict();
        double[] tree = {0, 0, 0, 2, 0.1, 0, 4, 0, 0, 6, 0, 0.2, 8, 0, 0, 10, 0.1, 0, 4, 2.6, 0};
        Frame frame = new Frame(new int[] {1, 6, 6, 8, 6, 1, 7}, tree, null);
        int[] order = {3, 6, 0, 5, 1, 2, 4};
        int[] elements = Arrays.stream(order).map(i -> frame.elements()[i]).toArray();
        double[] positions = new double[21];
        for (int i = 0; i < 7; i++) {
            System.arraycopy(frame.positions(), 3 * order[i], positions, 3 * i, 3);
        }
        Map<String, HostTensor> before = run(model, program, frame);
        Map<String, HostTensor> after = run(model, program, new Frame(elements, positions, null));
        assertArrayEquals(
                before.get(Model.ENERGY).data(), after.get(Model.ENERGY).data(), 1e-9);
        for (int i = 0; i < 7; i++) {
            for (int k = 0; k < 3; k++) {
                double want = before.get(Model.FORCES).data()[3 * order[i] + k];
                assertEquals(want, after.get(Model.FORCES).data()[3 * i + k], 1e-8);
            }
        }
        Batch blind = Frames.batch(model, frame);
        blind.floats().put(Inputs.ENCODINGS, HostTensor.of(new int[] {7, 3}, new double[21]));
        double other = blind.run(program, Frames.parameters(model.parameters(), 3))
                .get(Model.ENERGY)
                .data()[0];
        assertTrue(Math.abs(other - before.get(Model.ENERGY).data()[0]) > 1e-3);
    }

    /// As the reference has it: the energy of a frame depends on its companions.
    @Test
    void attentionOverTheBatchMixesGraphs() {
        SplittableRandom random = new SplittableRandom(7);
        Frame one = Frames.random(random, 5, 4, false);
        Frame two = Frames.random(random, 4, 4, false);
        for (String scope : new String[] {"graph", "batch"}) {
            Model model = potential("\"global_attn_scope\": \"" + scope + "\",");
            Map<String, HostTensor> values = Frames.parameters(model.parameters(), 3);
            double alone = Frames.batch(model, one)
                    .run(model.predict(), values)
                    .get(Model.ENERGY)
                    .data()[0];
            Batch both = Frames.batch(model, one, two);
            int[] graph = both.indices().get(Inputs.GRAPH).values();
            AttentionEdges edges = model.attentionEdges();
            AllPairs pairs = edges == null ? AllPairs.of(graph) : edges.pairs(graph);
            Map<String, Index> indices = new HashMap<>(both.indices());
            indices.put(Inputs.ATTENTION_SOURCE, new Index(pairs.source(), graph.length));
            indices.put(Inputs.ATTENTION_TARGET, new Index(pairs.target(), graph.length));
            double together = new Batch(both.floats(), indices)
                    .run(model.predict(), values)
                    .get(Model.ENERGY)
                    .data()[0];
            assertEquals(scope.equals("graph"), Math.abs(together - alone) < 1e-10, scope);
        }
    }

    @Test
    void whatCannotBeBuiltIsOneError() {
        Map<String, String> refused = Map.of(
                "\"mpnn_type\": \"none\"", "mpnn_type: want message passing",
                "\"equivariance\": true, \"mpnn_type\": \"SchNet\", \"pe_dim\": 2", "equivariance: want ");
        String rest = """
                , "radius": 3.0, "hidden_dim": 8, "num_conv_layers": 2, "num_gaussians": 6, "num_filters": 7,
                "output_heads": {"node": [{"type": "branch-0",
                  "architecture": {"num_headlayers": 1, "dim_headlayers": [6], "type": "mlp"}}]}
                """;
        refused.forEach((settings, message) -> {
            RuntimeException error =
                    assertThrows(RuntimeException.class, () -> Models.of(GPS + settings + rest, "node", 1, "mse"));
            assertTrue(String.valueOf(error.getMessage()).contains(message), error.getMessage());
        });
    }
}
