/// Optimizers, learning rate schedules and rules for stopping.
@NullMarked
package org.iolaus.train.optimize;

import org.jspecify.annotations.NullMarked;
