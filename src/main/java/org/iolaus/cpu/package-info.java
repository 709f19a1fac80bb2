/// Runs schedules in float64 on the host.
@NullMarked
package org.iolaus.cpu;

import org.jspecify.annotations.NullMarked;
