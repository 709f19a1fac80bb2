package org.iolaus.data;

import java.util.Iterator;
import org.iolaus.atoms.Structure;

/// Frames one after another, some of which may be passed over without being looked at.
public interface FrameSource extends Iterator<Structure>, AutoCloseable {
    /// Passes over the next frame.
    ///
    /// @return how many atoms it has; 0 if there is no further frame
    default int skip() {
        return hasNext() ? next().atoms() : 0;
    }

    @Override
    void close();

    /// Frames that are there already.
    static FrameSource of(Iterable<Structure> frames) {
        Iterator<Structure> each = frames.iterator();
        return new FrameSource() {
            @Override
            public boolean hasNext() {
                return each.hasNext();
            }

            @Override
            public Structure next() {
                return each.next();
            }

            @Override
            public void close() {}
        };
    }
}
