package org.iolaus.data.read;

import java.util.NoSuchElementException;
import org.iolaus.atoms.Structure;
import org.jspecify.annotations.Nullable;

/// Turns "the next frame, or null" into an iterator that looks one frame ahead.
abstract class LazyReader implements StructureReader {
    private @Nullable Structure ahead;
    private boolean done;

    /// The next frame, or null after the last one.
    abstract @Nullable Structure read();

    @Override
    public final boolean hasNext() {
        if (ahead == null && !done) {
            ahead = read();
            done = ahead == null;
        }
        return ahead != null;
    }

    @Override
    public final Structure next() {
        if (!hasNext() || ahead == null) {
            throw new NoSuchElementException("no more frames");
        }
        Structure structure = ahead;
        ahead = null;
        return structure;
    }
}
