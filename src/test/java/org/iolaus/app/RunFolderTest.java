package org.iolaus.app;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.iolaus.data.DataException;
import org.iolaus.tensor.HostTensor;
import org.iolaus.train.checkpoint.Checkpoint;
import org.iolaus.train.checkpoint.CheckpointStore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a run leaves in its folder, and what it leaves alone.
final class RunFolderTest extends TinyRuns {
    private static final String[] SHORT = {"log_name=run", "num_epoch=2"};

    private static void assertSame(Map<String, byte[]> want, Map<String, byte[]> got) {
        assertEquals(want.keySet(), got.keySet());
        want.forEach((name, bytes) -> assertArrayEquals(bytes, got.get(name), name));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aNewRunDestroysNoneBefore(int ranks) throws IOException {
        String[] run = with(SHORT, "batch_size=2");
        train(ranks, run);
        Map<String, byte[]> first = files("run");
        assertTrue(first.containsKey("best.h5") && first.containsKey("metrics.csv"), first.toString());
        train(ranks, with(run, "NeuralNetwork.Training.seed=1"));
        Map<String, byte[]> second = files("run");
        assertFalse(java.util.Arrays.equals(first.get("best.h5"), second.get("best.h5")), "another run");
        train(ranks, run);
        assertSame(first, files("run.1"));
        assertSame(second, files("run.2"));
        assertArrayEquals(first.get("best.h5"), files("run").get("best.h5"), "the first one once more");
    }

    @Test
    void nothingMovesForARunThatIsRefused() throws IOException {
        solo(SHORT);
        Map<String, byte[]> before = files("run");
        assertThrows(RuntimeException.class, () -> train(21, SHORT), "more ranks than graphs");
        assertThrows(DataException.class, () -> solo(with(SHORT, "init_from=" + folder + "/none.h5")));
        assertThrows(RuntimeException.class, () -> solo(with(SHORT, "mpnn_type=SchNet", "continue=1")));
        assertSame(before, files("run"));
        assertFalse(Files.exists(logs("run.1")));
    }

    @Test
    void aRunMayBeginWithTheModelOfTheOneWhosePlaceItTakes() throws IOException {
        solo(SHORT);
        byte[] best = files("run").get("best.h5");
        Map<String, HostTensor> trained =
                Checkpoint.read(CheckpointStore.best(logs("run"))).model().parameters();
        solo(with(SHORT, "init_from=" + CheckpointStore.best(logs("run")), "learning_rate=1e-300", "num_epoch=1"));
        assertArrayEquals(best, files("run.1").get("best.h5"));
        last("run")
                .model()
                .parameters()
                .forEach((name, tensor) -> assertArrayEquals(trained.get(name).data(), tensor.data(), 1e-4, name));
    }

    /// Its metrics begin where it does; neither run loses a file.
    @Test
    void aRunThatGoesOnFromAnotherKeepsBoth() throws IOException {
        solo("log_name=one", "num_epoch=2");
        solo(SHORT);
        Map<String, byte[]> one = files("one");
        Map<String, byte[]> earlier = files("run");
        solo("log_name=run", "startfrom=one", "continue=1", "num_epoch=3");
        assertSame(one, files("one"));
        assertSame(earlier, files("run.1"));
        List<String> rows = metrics("run");
        assertEquals(2, rows.size(), rows.toString());
        assertTrue(rows.get(1).startsWith("2,15,"), rows.get(1));
        solo("log_name=run", "continue=1", "num_epoch=4");
        assertEquals(rows, metrics("run").subList(0, 2));
        assertFalse(Files.exists(logs("run.2")), "it goes on where it is");
    }

    /// With averages the model that is measured is that of the averages.
    @ParameterizedTest
    @CsvSource({"1, 0.9", "2, null"})
    void withoutCheckpointsTheLastAndTheBestModelAreKept(int ranks, String decay) throws IOException {
        String[] run = {"ema_decay=" + decay, "batch_size=2", "learning_rate=0.02", "num_epoch=6"};
        train(ranks, with(run, "log_name=all", "keep_checkpoints=9"));
        train(ranks, with(run, "log_name=few", "Checkpoint=false"));
        assertEquals(newest("all").getFileName(), newest("few").getFileName());
        assertSame(last("all"), last("few"));
        assertSame(
                Checkpoint.read(CheckpointStore.best(logs("all"))), Checkpoint.read(CheckpointStore.best(logs("few"))));
        assertEquals(
                Set.of(
                        "best.h5",
                        newest("few").getFileName().toString(),
                        "config.json",
                        "metrics.csv",
                        "metrics.jsonl"),
                files("few").keySet());
    }

    private static void assertSame(Checkpoint want, Checkpoint got) {
        assertEquals(want.position(), got.position());
        assertSame(
                want.model().parameters().keySet(),
                want.model().parameters(),
                got.model().parameters());
        assertSame(
                want.model().averages().keySet(),
                want.model().averages(),
                got.model().averages());
    }

    private static void assertSame(Set<String> names, Map<String, HostTensor> want, Map<String, HostTensor> got) {
        assertEquals(names, got.keySet());
        want.forEach(
                (name, tensor) -> assertArrayEquals(tensor.data(), got.get(name).data(), 0, name));
    }

    @Test
    void aRunThatStopsEarlyKeepsItsLastAndItsBestModel() throws IOException {
        solo(
                "log_name=run",
                "Checkpoint=false",
                "EarlyStopping=true",
                "NeuralNetwork.Training.patience=2",
                "learning_rate=0.5",
                "num_epoch=40");
        int epochs = metrics("run").size() - 1;
        assertTrue(epochs < 40, "stopped after " + epochs);
        assertEquals(epochs, last("run").position().epoch());
        Checkpoint best = Checkpoint.read(CheckpointStore.best(logs("run")));
        assertEquals(epochs - 2, best.position().epoch());
        assertEquals(best.best().value(), last("run").best().value());
    }

    @Test
    void aRunThatEndsWarmingUpHasABestModel() throws IOException {
        solo(with(SHORT, "Checkpoint=false", "checkpoint_warmup=5"));
        assertSame(last("run"), Checkpoint.read(CheckpointStore.best(logs("run"))));
    }
}
