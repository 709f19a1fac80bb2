/// Raw frames to shard sets: checks, splits and statistics, on all ranks together.
@NullMarked
package org.iolaus.convert;

import org.jspecify.annotations.NullMarked;
