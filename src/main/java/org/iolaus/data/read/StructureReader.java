package org.iolaus.data.read;

import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.iolaus.atoms.Structure;
import org.iolaus.data.FrameSource;

/// The frames of a file or folder, one after another; only one frame is in memory at a time.
///
/// `hasNext` and `next` throw [org.iolaus.data.DataException] for a malformed frame; after that the reader is
/// of no use.
public interface StructureReader extends FrameSource {
    /// The remaining frames; closing the stream closes the reader.
    default Stream<Structure> stream() {
        int order = Spliterator.ORDERED | Spliterator.NONNULL;
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(this, order), false)
                .onClose(this::close);
    }
}
