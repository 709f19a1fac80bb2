package org.iolaus.data;

import org.iolaus.atoms.NeighbourList;
import org.jspecify.annotations.Nullable;

/// Which neighbours of an atom a list has.
///
/// @param cutoffAngstrom how far they may be
/// @param most the nearest so many; null: all
public record Neighbours(double cutoffAngstrom, @Nullable Integer most) {

    public int limit() {
        return most == null ? NeighbourList.UNLIMITED : most;
    }

    @Override
    public String toString() {
        return (most == null ? "all neighbours" : "at most " + most + " neighbours") + " within " + cutoffAngstrom
                + " Å";
    }
}
