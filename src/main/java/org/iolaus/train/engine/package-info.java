/// Runs a model's programs on the host or on a device: parameters, steps, memory.
@NullMarked
package org.iolaus.train.engine;

import org.jspecify.annotations.NullMarked;
