/// Datasets on disk and on their way to a training step: HDF5 files, shards, epoch plans, batches.
@NullMarked
package org.iolaus.data;

import org.jspecify.annotations.NullMarked;
