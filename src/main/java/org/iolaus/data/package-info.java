/// Readers, HDF5 shards, splits, batches and prefetch.
@NullMarked
package org.iolaus.data;

import org.jspecify.annotations.NullMarked;
