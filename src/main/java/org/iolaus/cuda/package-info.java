/// Devices: memory, kernels, graphs; runs schedules on them.
@NullMarked
package org.iolaus.cuda;

import org.jspecify.annotations.NullMarked;
