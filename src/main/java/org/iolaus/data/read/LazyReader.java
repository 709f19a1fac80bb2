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

    /// The number of atoms of the next frame, which is passed over, or 0 after the last one.
    int skipFrame() {
        Structure next = read();
        return next == null ? 0 : next.atoms();
    }

    @Override
    public final int skip() {
        int atoms;
        if (ahead != null) {
            atoms = ahead.atoms();
            ahead = null;
        } else {
            atoms = done ? 0 : skipFrame();
            done = atoms == 0;
        }
        return atoms;
    }

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
