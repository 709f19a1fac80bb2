package org.iolaus.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.iolaus.model.Architecture.AttentionScope;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class AllPairsTest {

    @Test
    void pairsAreSortedByReceiverThenSender() {
        AllPairs others = AllPairs.of(new int[] {0, 0, 1, 2, 2});
        assertArrayEquals(new int[] {0, 1, 3, 4}, others.target());
        assertArrayEquals(new int[] {1, 0, 4, 3}, others.source());
        AllPairs all = AttentionEdges.pairs(AttentionScope.GRAPH, true).pairs(new int[] {0, 0, 1});
        assertArrayEquals(new int[] {0, 0, 1, 1, 2}, all.target());
        assertArrayEquals(new int[] {0, 1, 0, 1, 2}, all.source());
        assertEquals(0, AllPairs.of(new int[0]).source().length);
    }

    @ParameterizedTest
    @CsvSource({"GRAPH, true", "GRAPH, false", "BATCH, true"})
    void theirNumberIsKnownBefore(AttentionScope scope, boolean self) {
        AttentionEdges edges = AttentionEdges.pairs(scope, self);
        int[] graph = {0, 0, 0, 1, 2, 2, 2, 2, 2};
        assertEquals(edges.pairs(graph).source().length, edges.count(new int[] {3, 1, 5}));
        assertThrows(ArithmeticException.class, () -> edges.count(new int[] {50_000, 50_000}));
    }
}
