package org.iolaus.data;

import java.util.Arrays;

/// How the graphs of an epoch are gathered into steps.
///
/// @param mode what limits a rank's share of a step
/// @param graphs per rank and step where the mode is `FIXED`, the most in the other modes
/// @param budget atoms (`NODE_BUDGET`) or edges (`EDGE_BUDGET`) per rank and step
/// @param oversized what happens to a graph beyond the budget
/// @param dropLast whether an incomplete last step is left out in training
/// @param limit batches of each rank after which an epoch ends
public record Batching(Mode mode, int graphs, long budget, Oversized oversized, boolean dropLast, int limit) {
    /// Graphs of a step that one rank can deal in little time, whatever their order.
    private static final int LARGE_STEP = 2048;

    /// Batches without a limit.
    public Batching(Mode mode, int graphs, long budget, Oversized oversized, boolean dropLast) {
        this(mode, graphs, budget, oversized, dropLast, Integer.MAX_VALUE);
    }

    public Batching {
        if (graphs < 1) {
            throw new DataException("batching: want at least one graph per rank and step, got " + graphs);
        }
        if (mode != Mode.FIXED && budget < 1) {
            throw new DataException("batching: want a budget of at least one atom or edge, got " + budget);
        }
    }

    /// A number of graphs per rank and step.
    public static Batching fixed(int graphs) {
        return new Batching(Mode.FIXED, graphs, 0, Oversized.ERROR, false);
    }

    /// What counts against the budget.
    long load(GraphTable table, int graph) {
        long atoms = table.counts(GraphTable.ATOMS).get(graph);
        if (mode != Mode.EDGE_BUDGET) {
            return atoms;
        }
        Counts attention = table.counts().get(GraphTable.ATTENTION_EDGES);
        return table.counts(GraphTable.EDGES).get(graph) + (attention == null ? 0L : attention.get(graph));
    }

    /// Whether a graph is within the budget.
    boolean fits(GraphTable table, int graph) {
        return mode == Mode.FIXED || load(table, graph) <= budget;
    }

    /// Whether all graphs are, as far as the largest of them tell.
    boolean allFit(GraphTable table) {
        long edges = 0;
        for (String symbol : new String[] {GraphTable.EDGES, GraphTable.ATTENTION_EDGES}) {
            edges += table.counts().getOrDefault(symbol, Counts.of()).max();
        }
        return mode == Mode.FIXED
                || (mode == Mode.NODE_BUDGET ? table.counts(GraphTable.ATOMS).max() : edges) <= budget;
    }

    /// Whether graphs may be left out.
    boolean skips(GraphTable table) {
        return oversized == Oversized.SKIP && !allFit(table);
    }

    /// Those of some graphs that are not left out.
    int[] kept(GraphTable table, int[] graphs) {
        return skips(table)
                ? Arrays.stream(graphs).filter(graph -> fits(table, graph)).toArray()
                : graphs;
    }

    /// Refuses a split with a graph beyond the budget, if that is an error.
    public void requireFit(ShardIndex index, Split split) {
        GraphTable table = index.table();
        if (oversized != Oversized.ERROR || allFit(table)) {
            return;
        }
        for (int graph = 0; graph < table.size(); graph++) {
            if (table.split().get(graph) == split.code() && !fits(table, graph)) {
                throw new DataException(index.name() + ", graph " + graph + ": want at most "
                        + budget + (mode == Mode.NODE_BUDGET ? " atoms" : " edges")
                        + " as the batching budget says, got " + load(table, graph));
            }
        }
    }

    /// Whether steps are so large that their graphs are dealt in groups. It depends on the batches of all
    /// ranks together.
    ///
    /// @param batches of a step
    /// @param frames of the epoch
    boolean hasLargeSteps(int batches, int frames) {
        return mode == Mode.FIXED
                ? Math.min((long) batches * graphs, frames) > LARGE_STEP
                : batches > BudgetPlan.GROUP && frames > LARGE_STEP;
    }

    /// What limits a rank's share of a step.
    public enum Mode {
        FIXED,
        NODE_BUDGET,
        EDGE_BUDGET
    }

    /// What happens to a graph that alone exceeds the budget: stop, let it have a rank for itself, leave it out.
    public enum Oversized {
        ERROR,
        SINGLE,
        SKIP
    }
}
