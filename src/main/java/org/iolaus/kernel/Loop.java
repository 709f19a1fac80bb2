package org.iolaus.kernel;

import java.util.List;
import org.iolaus.tensor.Dim;
import org.iolaus.tensor.Shape;

/// A fused loop over the elements of one shape: load into registers, apply scalar functions, store.
///
/// @param iteration shape that the loop runs over, row-major
/// @param registers how many registers the instructions use; one holds a tile of consecutive elements
public record Loop(
        Shape iteration, int registers, List<Load> loads, List<Instruction> instructions, List<Store> stores) {

    /// No index.
    public static final int NO_INDEX = -1;

    /// Element `(i0, i1, ...)` comes from `buffer[sum of offsets + f(i0) strides[0] + i1 strides[1] +
    /// ...]`, where `f` is the index buffer's value if there is one.
    public record Load(int register, int buffer, int indexBuffer, List<Dim> offsets, List<Dim> strides) {}

    /// `register = function(operands)`.
    public record Instruction(TileFunction function, List<Integer> operands, int register) {}

    /// Writes a register to a buffer of the iteration shape.
    public record Store(int register, int buffer) {}
}
