/// What a training run is made of: update rules, schedules, checkpoints, metrics, logs, plots and the loop itself.
@NullMarked
package org.iolaus.train;

import org.jspecify.annotations.NullMarked;
