package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.iolaus.comm.Comm;
import org.iolaus.comm.LocalComm;
import org.iolaus.config.ConfigReader;
import org.iolaus.data.ShardSet;
import org.iolaus.data.Split;
import org.iolaus.run.ConfiguredModel;
import org.iolaus.run.EngineFactory;
import org.iolaus.run.ModelFactory;
import org.iolaus.run.ShardSets;
import org.iolaus.train.engine.Engine;
import org.iolaus.train.loop.Evaluator;
import org.iolaus.train.loop.RunBatches;
import org.iolaus.train.report.Metrics;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Figures of a model on a split do not depend on how the split is cut into batches.
final class EvaluationTest extends TinyRuns {
    private Metrics metrics(int ranks, int batchSize, String... overrides) {
        AtomicReference<Metrics> found = new AtomicReference<>();
        LocalComm.run(ranks, comm -> {
            Metrics mine = measure(comm, with(overrides, "batch_size=" + batchSize));
            if (comm.isRoot()) {
                found.set(mine);
            }
        });
        return found.get();
    }

    private Metrics measure(Comm comm, String... overrides) {
        var given = ConfigReader.read(config, List.of(overrides));
        try (ShardSet shards = ShardSets.open(comm, given)) {
            ConfiguredModel model = ModelFactory.of(given, shards.index());
            try (Engine engine = EngineFactory.engine(comm, model.training());
                    Evaluator evaluator = new Evaluator(
                            comm,
                            model.model(),
                            model.initialState(shards.index().statistics()),
                            model.columns(),
                            engine)) {
                return evaluator.run(shards, Split.TRAIN, RunBatches.batching(model.training()), null);
            }
        }
    }

    /// All numbers of some metrics.
    private static double[] numbers(Metrics metrics) {
        Stream<Double> losses = Stream.iterate(0, task -> task < metrics.tasks().size(), task -> task + 1)
                .map(metrics::taskLoss);
        Stream<Double> errors = Stream.iterate(0, q -> q < metrics.quantities().size(), q -> q + 1)
                .flatMap(q ->
                        Stream.of(metrics.errors(q).mae(), metrics.errors(q).trivialRmse()));
        return Stream.of(Stream.of(metrics.loss()), losses, errors)
                .flatMap(part -> part)
                .mapToDouble(Double::doubleValue)
                .toArray();
    }

    private void assertIndependent(String... overrides) {
        double[] want = numbers(metrics(1, TinyRun.TRAINING, overrides));
        assertTrue(Arrays.stream(want).allMatch(Double::isFinite) && want[0] > 0, Arrays.toString(want));
        for (int[] cut : new int[][] {{1, 1}, {1, 3}, {2, 3}, {3, 2}, {4, 20}}) {
            double[] got = numbers(metrics(cut[0], cut[1], overrides));
            for (int i = 0; i < want.length; i++) {
                assertEquals(want[i], got[i], 1e-12 * Math.abs(want[i]), "figure " + i + ", " + Arrays.toString(cut));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"mse, null, null", "mae, null, l2", "smooth_l1, null, null", "mse, rmse, mae", "rmse, null, null"})
    void lossOfAPotential(String loss, String energyLoss, String forceLoss) {
        assertIndependent(
                "loss_function_type=" + loss, "energy_loss_type=" + energyLoss, "force_loss_type=" + forceLoss);
    }

    @ParameterizedTest
    @CsvSource({"rmse", "GaussianNLLLoss"})
    void lossOfHeads(String loss) {
        config = TinyRun.headsConfig(folder);
        assertIndependent("loss_function_type=" + loss);
    }

    @ParameterizedTest
    @CsvSource({"mae", "rmse"})
    void lossOnADevice(String loss) {
        assertIndependent("loss_function_type=" + loss, "device=emulated", "precision=fp64");
    }
}
