package org.iolaus.data;

/// How the graphs of an epoch are gathered into steps.
///
/// @param mode what limits a rank's share of a step
/// @param graphs per rank and step where the mode is `FIXED`, the most in the other modes
/// @param budget atoms (`NODE_BUDGET`) or edges (`EDGE_BUDGET`) per rank and step
/// @param oversized what happens to a graph beyond the budget
/// @param dropLast whether an incomplete last step is left out in training
public record Batching(Mode mode, int graphs, long budget, Oversized oversized, boolean dropLast) {
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
