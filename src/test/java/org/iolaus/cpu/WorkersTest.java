package org.iolaus.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Rows shared by threads: each exactly once, and failures reach the caller.
final class WorkersTest {

    @ParameterizedTest
    @CsvSource({"0,1", "1,1", "7,1", "100,16", "100,256", "4097,256"})
    void everyRowIsDoneOnce(int rows, int grain) {
        try (Workers workers = new Workers(3)) {
            int[] done = new int[rows];
            workers.split(rows, grain, true, (member, from, to) -> {
                for (int row = from; row < to; row++) {
                    done[row]++;
                }
            });
            int[] once = new int[rows];
            Arrays.fill(once, 1);
            assertArrayEquals(once, done);
        }
    }

    @Test
    void smallWorkStaysWithTheCaller() {
        try (Workers workers = new Workers(3)) {
            Set<Thread> seen = ConcurrentHashMap.newKeySet();
            workers.split(1000, 1, false, (member, from, to) -> seen.add(Thread.currentThread()));
            assertEquals(Set.of(Thread.currentThread()), seen);
        }
    }

    @Test
    void failureOfAnyMemberIsThrown() {
        try (Workers workers = new Workers(2)) {
            for (int guilty = 0; guilty < 2; guilty++) {
                int member = guilty;
                IllegalArgumentException thrown = assertThrows(
                        IllegalArgumentException.class,
                        () -> workers.split(10, 1, true, (mine, from, to) -> {
                            if (mine == member) {
                                throw new IllegalArgumentException("member " + mine);
                            }
                        }));
                assertEquals("member " + member, thrown.getMessage());
            }
        }
    }
}
