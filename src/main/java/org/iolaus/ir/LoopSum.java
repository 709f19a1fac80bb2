package org.iolaus.ir;

import java.util.List;

/// What a loop sums to compute an operation: numbers of the first operand.
public sealed interface LoopSum {

    /// Over axes, which stay with extent 1.
    record Axes(List<Integer> axes) implements LoopSum {}

    /// Over the rows that share a value of an index.
    ///
    /// @param index number of the operand
    record Segments(int index) implements LoopSum {}

    /// Over runs of consecutive rows.
    record Runs(int parts) implements LoopSum {}
}
