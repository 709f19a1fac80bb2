package org.iolaus.comm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Tag("mpi")
class MpiCommTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 4})
    void processesKeepTheContract(int ranks) {
        MpiRun run = MpiRun.run(MpiProgram.class, ranks, LIMIT, "checks");
        assertEquals(0, run.exitCode(), run::toString);
        for (int rank = 0; rank < ranks; rank++) {
            assertTrue(run.out().contains("checked " + rank + " local " + rank + "\n"), run::toString);
        }
    }

    @Test
    void aRankThatDoesNotComeToItsGroupIsNamed() {
        MpiRun run = MpiRun.run(
                MpiProgram.class.getName(), 4, LIMIT, Map.of("IOLAUS_STEP_TIMEOUT", "2"), "lastOfGroupIsLate");
        assertEquals(1, run.exitCode(), run::toString);
        assertTrue(
                run.err()
                        .matches(
                                "(?s).*iolaus: rank 1 of 4 on \\S+: .*waited 2 s in 'sum' of group 1; not arrived: rank 3 on"
                                        + " \\S+ busy elsewhere for \\d+ s since 'barrier' \\(collective 1 of group 1\\).*"),
                run::toString);
    }

    @Test
    void theFailureOfOneGroupEndsTheJobWithItsCode() {
        MpiRun run = MpiRun.run(MpiProgram.class, 4, LIMIT, "oneGroupThrows");
        assertEquals(2, run.exitCode(), run::toString);
        assertTrue(run.err().matches("(?s).*iolaus: rank 3 of 4 on \\S+: .*bad forces.*"), run::toString);
        assertTrue(run.took().toSeconds() < 20, run::toString);
    }

    @Test
    void sumsHaveTheSameBitsInEveryRun() {
        MpiRun first = MpiRun.run(MpiProgram.class, 4, LIMIT, "bits");
        MpiRun second = MpiRun.run(MpiProgram.class, 4, LIMIT, "bits");
        assertTrue(first.out().contains("bits "), first::toString);
        assertEquals(first.out(), second.out());
    }

    @Test
    void theFailureOfOneRankEndsTheJobWithItsCode() {
        MpiRun run = MpiRun.run(MpiProgram.class, 2, LIMIT, "lastThrows");
        assertEquals(2, run.exitCode(), run::toString);
        assertTrue(run.err().matches("(?s).*iolaus: rank 1 of 2 on \\S+: .*bad forces.*"), run::toString);
        assertTrue(run.took().toSeconds() < 20, run::toString);
    }

    @Test
    void aFailureOfAllRanksIsSaidOnce() {
        MpiRun run = MpiRun.run(MpiProgram.class, 4, LIMIT, "allThrow");
        assertEquals(2, run.exitCode(), run::toString);
        assertEquals(2, run.err().split("bad forces", -1).length, run::toString);
        assertTrue(run.err().contains("iolaus: rank 0 of 4 on "), run::toString);
    }

    @Test
    void aFileThatIsNotThereIsSaidOnce() {
        MpiRun run = MpiRun.iolaus(3, LIMIT, "convert", "no-such-file.json");
        assertEquals(2, run.exitCode(), run::toString);
        assertEquals(2, run.err().split("no-such-file.json: want", -1).length, run::toString);
    }

    @Test
    void theFailureOfAnotherThreadEndsTheJob() {
        MpiRun run = MpiRun.run(MpiProgram.class, 2, LIMIT, "otherThreadThrows");
        assertEquals(1, run.exitCode(), run::toString);
        assertTrue(run.err().contains("rank 1 of 2") && run.err().contains("reader broke"), run::toString);
    }

    @Test
    void aRankThatDoesNotComeIsNamedWithWhatItDoes() {
        MpiRun run = MpiRun.run(MpiProgram.class.getName(), 3, LIMIT, Map.of("IOLAUS_STEP_TIMEOUT", "2"), "lastIsLate");
        assertEquals(1, run.exitCode(), run::toString);
        assertTrue(
                run.err()
                        .matches("(?s).*rank 0 of 3 .*waited 2 s in 'sum'; not arrived: rank 2 on \\S+ busy elsewhere"
                                + " for \\d+ s since 'barrier' \\(collective 1\\).*"),
                run::toString);
        assertFalse(run.err().contains("does not answer"), run::toString);
    }
}
