package org.iolaus.cuda;

import java.util.Objects;
import org.iolaus.tensor.Sizes;

/// One batch's sizes and where its arrays are.
///
/// @param address of each buffer
/// @param csr compressed rows of the indices that segment operations walk, by buffer; null for other buffers
@SuppressWarnings("ArrayRecordComponent")
record Binding(Sizes sizes, long[] address, Csr[] csr) {
    /// Compressed rows of an index.
    Csr rows(int buffer) {
        return Objects.requireNonNull(csr[buffer]);
    }
}
