package org.iolaus.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.iolaus.model.AttentionEdges.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

final class AllPairsTest {

    @Test
    void pairsAreSortedByReceiverThenSender() {
        AllPairs others = AllPairs.of(new int[] {0, 0, 1, 2, 2});
        assertArrayEquals(new int[] {0, 1, 3, 4}, others.target());
        assertArrayEquals(new int[] {1, 0, 4, 3}, others.source());
        AllPairs all = new AttentionEdges(Kind.GRAPH, 0, null).pairs(new int[] {0, 0, 1});
        assertArrayEquals(new int[] {0, 0, 1, 1, 2}, all.target());
        assertArrayEquals(new int[] {0, 1, 0, 1, 2}, all.source());
        assertEquals(0, AllPairs.of(new int[0]).source().length);
    }

    @ParameterizedTest
    @EnumSource(names = "NEIGHBOURS", mode = Mode.EXCLUDE)
    void theirNumberIsKnownBefore(Kind kind) {
        AttentionEdges edges = new AttentionEdges(kind, 0, null);
        int[] graph = {0, 0, 0, 1, 2, 2, 2, 2, 2};
        assertEquals(edges.pairs(graph).source().length, edges.count(new int[] {3, 1, 5}));
        assertThrows(ArithmeticException.class, () -> edges.count(new int[] {50_000, 50_000}));
    }
}
