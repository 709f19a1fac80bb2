/// The training loop and its parts: optimizers, schedules, checkpoints, metrics.
@NullMarked
package org.iolaus.train;

import org.jspecify.annotations.NullMarked;
